import Wire
import XSK

/// What queue steering found and what it added: all that it takes to restore an interface.
///
/// `lines` and `init(lines:)` are the record that outlives a crash.
struct QueueState: Hashable {
  /// How packets were spread; nil until that is changed.
  var hash: RSSSettings?
  /// Whether filters were off and have been turned on.
  var filtersWereOff = false
  /// Places of the filters that were there.
  var filtersBefore: [UInt32] = []
  /// The filters that were set, or are about to be.
  var filters: [NtupleFilter] = []

  /// Whether nothing was changed.
  var isEmpty: Bool { hash == nil && !filtersWereOff && filters.isEmpty }

  init() {}

  /// The record's lines.
  var lines: [String] {
    var lines: [String] = []
    if let hash {
      lines += [
        "queues \(hash.queueCount)", "function \(hash.function.rawValue)",
        "transform \(hash.transform)", "key \(hexadecimal(hash.key))",
        "table " + hash.table.map(String.init).joined(separator: ","),
      ]
      lines += hash.fields.sorted { $0.key.rawValue < $1.key.rawValue }
        .map { "fields \($0.key.rawValue) \($0.value.rawValue)" }
    }
    if filtersWereOff { lines.append("filters-off") }
    lines += filtersBefore.map { "before \($0)" }
    lines += filters.map { "filter \(hexadecimal($0.spec))" }
    return lines
  }

  /// Reads a record; nil if a line is not understood.
  init?(lines: [String]) {
    var queueCount: Int?
    var (function, transform) = (HashFunction.toeplitz, UInt8(0))
    var (key, table): ([UInt8]?, [Int]?)
    var fields: [FlowClass: HashedFields] = [:]
    for line in lines {
      let words = line.split(separator: " ", omittingEmptySubsequences: false)
      let value = words.count > 1 ? words[1] : ""
      switch (words[0], words.count) {
      case ("queues", 2):
        guard let number = Int(value), number > 0 else { return nil }
        queueCount = number
      case ("function", 2):
        guard let number = UInt8(value) else { return nil }
        function = HashFunction(rawValue: number)
      case ("transform", 2):
        guard let number = UInt8(value) else { return nil }
        transform = number
      case ("key", 2): key = bytes(hexadecimal: value)
      case ("table", 2): table = QueueState.numbers(value)
      case ("fields", 3):
        guard let number = UInt32(value), let kind = FlowClass(rawValue: number),
          let bits = UInt64(words[2])
        else { return nil }
        fields[kind] = HashedFields(rawValue: bits)
      case ("filters-off", 1): filtersWereOff = true
      case ("before", 2):
        guard let place = UInt32(value) else { return nil }
        filtersBefore.append(place)
      case ("filter", 2):
        guard let spec = bytes(hexadecimal: value), spec.count == RuleCommand.specSize else {
          return nil
        }
        filters.append(NtupleFilter(spec: spec))
      default: return nil
      }
    }
    guard let queueCount else { return }
    guard let key, let table, !table.isEmpty else { return nil }
    hash = RSSSettings(
      table: table, key: key, function: function, transform: transform, fields: fields,
      queueCount: queueCount)
  }

  private static func numbers(_ text: Substring) -> [Int]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { UInt16($0) }
    return numbers.count == parts.count ? numbers.map(Int.init) : nil
  }

  /// Whether a filter of the device's was set here.
  ///
  /// By its place, once that is known: a driver may show it otherwise than it was asked for.
  func isOurs(_ filter: NtupleFilter) -> Bool {
    if filtersBefore.contains(filter.location) { return false }
    return filters.contains { $0.location == filter.location || $0.isSame(as: filter) }
  }

  /// Puts everything back that this says, and tries all of it even if a part is refused.
  ///
  /// Returns the first refusal.
  func restore(_ device: any QueueDevice) -> XDPError? {
    var failure: XDPError?
    func attempt(_ body: () throws(XDPError) -> Void) {
      do throws(XDPError) { try body() } catch { failure = failure ?? error }
    }
    if !filters.isEmpty {
      attempt { () throws(XDPError) in
        for filter in try device.filters()
        where isOurs(filter) {
          try device.removeFilter(at: filter.location)
        }
      }
    }
    if filtersWereOff { attempt { () throws(XDPError) in try device.setFilterSupport(false) } }
    if let hash { attempt { () throws(XDPError) in try device.apply(hash) } }
    return failure
  }
}

/// Two digits for each byte; "-" for none.
private func hexadecimal(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef")
  let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  return text.isEmpty ? "-" : String(text)
}

private func bytes(hexadecimal text: Substring) -> [UInt8]? {
  if text == "-" { return [] }
  let digits = text.utf8.map { $0 }
  guard digits.count % 2 == 0 else { return nil }
  var bytes: [UInt8] = []
  for index in stride(from: 0, to: digits.count, by: 2) {
    let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
    guard pair.allSatisfy(\.isHexDigit), let byte = UInt8(pair, radix: 16) else { return nil }
    bytes.append(byte)
  }
  return bytes
}
