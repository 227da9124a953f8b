/// A JSON value as it was written: members keep their order.
enum JSONValue: Equatable {
  case null
  case boolean(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  struct Member: Equatable {
    let key: String
    let value: JSONValue
  }

  /// The keys of an object in their order; none of anything else.
  var keys: [String] {
    guard case .object(let members) = self else { return [] }
    return members.map(\.key)
  }

  /// The elements of an array; none of anything else.
  var elements: [JSONValue] {
    guard case .array(let elements) = self else { return [] }
    return elements
  }

  /// The whole number this is.
  var integer: Int? {
    guard case .number(let number) = self else { return nil }
    return Int(exactly: number)
  }

  /// The member behind a path of keys.
  subscript(path: String...) -> JSONValue? {
    var value: JSONValue? = self
    for key in path {
      guard case .object(let members)? = value else { return nil }
      value = members.first { $0.key == key }?.value
    }
    return value
  }
}

/// Why a text is not JSON.
struct JSONError: Error {
  let position: Int
}

extension JSONValue {
  /// Reads a text that is exactly one value (RFC 8259), white space aside.
  init(_ text: String) throws {
    var parser = Parser(bytes: Array(text.utf8))
    self = try parser.value()
    parser.skipSpace()
    guard parser.position == parser.bytes.count else { throw parser.error }
  }

  private struct Parser {
    let bytes: [UInt8]
    var position = 0

    var error: JSONError { JSONError(position: position) }
    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
      while let next, [0x20, 0x09, 0x0A, 0x0D].contains(next) { position += 1 }
    }

    mutating func take(_ text: String) -> Bool {
      guard bytes[position...].starts(with: text.utf8) else { return false }
      position += text.utf8.count
      return true
    }

    mutating func value() throws -> JSONValue {
      skipSpace()
      if take("null") { return .null }
      if take("true") { return .boolean(true) }
      if take("false") { return .boolean(false) }
      if take("\"") { return .string(try restOfString()) }
      if take("[") { return .array(try list(until: "]") { try $0.value() }) }
      if take("{") { return .object(try list(until: "}") { try $0.member() }) }
      return try number()
    }

    private mutating func list<T>(
      until end: String, _ element: (inout Parser) throws -> T
    ) throws -> [T] {
      var elements: [T] = []
      skipSpace()
      if take(end) { return [] }
      while true {
        elements.append(try element(&self))
        skipSpace()
        if take(end) { return elements }
        guard take(",") else { throw error }
      }
    }

    private mutating func member() throws -> Member {
      skipSpace()
      guard take("\"") else { throw error }
      let key = try restOfString()
      skipSpace()
      guard take(":") else { throw error }
      return Member(key: key, value: try value())
    }

    private mutating func number() throws -> JSONValue {
      let start = position
      while let next, (0x30...0x39).contains(next) || "+-.eE".utf8.contains(next) { position += 1 }
      let text = String(decoding: bytes[start..<position], as: UTF8.self)
      guard let number = Double(text) else { throw error }
      return .number(number)
    }

    private mutating func restOfString() throws -> String {
      var result: [UInt8] = []
      while let next {
        position += 1
        switch next {
        case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
        case UInt8(ascii: "\\"): result += try escape().utf8
        case ..<0x20: throw error
        default: result.append(next)
        }
      }
      throw error
    }

    private mutating func escape() throws -> String {
      for (name, text) in [("n", "\n"), ("r", "\r"), ("t", "\t"), ("\"", "\""), ("\\", "\\")] {
        if take(name) { return text }
      }
      guard take("u"), position + 4 <= bytes.count else { throw error }
      let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
      guard let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code) else {
        throw error
      }
      position += 4
      return String(scalar)
    }
  }
}
