import Glibc

/// Small text files of `/proc` and `/sys`, read whole.
enum TextFile {
  /// What stands in the file at `path`, or nil if it cannot be read.
  static func read(_ path: String) -> String? {
    // A C string for the length of the call.
    guard let file = unsafe OwnedDescriptor(open(path, O_RDONLY | O_CLOEXEC)) else { return nil }
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16_384)
    while true {
      // The array holds `part.count` bytes for the length of the call.
      let count = unsafe Glibc.read(file.value, &part, part.count)
      guard count >= 0 else { return nil }
      guard count > 0 else { return String(decoding: text, as: UTF8.self) }
      text += part[..<count]
    }
  }

  /// The number that follows `key` at the start of a line, as in `MemAvailable:  123 kB`.
  static func number(after key: String, in text: String) -> Int? {
    for line in text.split(separator: "\n") {
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == ":" })
      if words.count >= 2, words[0] == key { return Int(words[1]) }
    }
    return nil
  }
}
