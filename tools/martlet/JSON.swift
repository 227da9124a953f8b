/// A JSON value (RFC 8259) whose keys stay in the order they are given.
indirect enum JSON {
  case null
  case boolean(Bool)
  case integer(Int)
  case counter(UInt64)
  /// A number of thousandths, written with three decimals.
  case thousandths(Int)
  case string(String)
  case array([JSON])
  case object([(key: String, value: JSON)])

  /// The value on one line.
  var text: String {
    switch self {
    case .null: "null"
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .counter(let value): "\(value)"
    case .thousandths(let value): Self.decimal(value)
    case .string(let value): Self.quoted(value)
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
    }
  }

  /// `thousandths` / 1000 with three decimals.
  static func decimal(_ thousandths: Int) -> String {
    let digits = "\(thousandths.magnitude % 1000)"
    let padding = String(repeating: "0", count: 3 - digits.count)
    return (thousandths < 0 ? "-" : "") + "\(thousandths.magnitude / 1000).\(padding)\(digits)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
