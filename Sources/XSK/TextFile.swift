import Glibc
import SystemPackage

/// Small text files, such as those of `/proc` and `/sys`, read whole.
public enum TextFile {
  /// The text of a file of the user's, or of standard input, which is called "-".
  ///
  /// A file may never end, such as `/dev/zero`: no more than `longest` bytes are taken.
  public static func contents(of path: String, longest: Int = .max) throws(XDPError) -> String {
    // A C string for the length of the call.
    let descriptor =
      path == "-" ? fcntl(0, F_DUPFD_CLOEXEC, 0) : unsafe open(path, O_RDONLY | O_CLOEXEC)
    let file = OwnedDescriptor(descriptor)
    let bytes: [UInt8]? = if let file { Self.bytes(of: file, longest: longest) } else { nil }
    let failure = Errno(rawValue: errno)
    guard let bytes else {
      throw XDPError(
        .system, operation: "read \(path.isEmpty ? "\"\"" : path)",
        reason: "it cannot be read (\(failure))",
        remedy: "name a file that can", errno: failure)
    }
    guard bytes.count <= longest else {
      throw XDPError(
        .configuration, operation: "read \(path)", reason: "it is longer than \(longest) bytes",
        remedy: "name a shorter file")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw XDPError(
        .configuration, operation: "read \(path)", reason: "it is not text (UTF-8)",
        remedy: "name a text file")
    }
    return text
  }

  /// What stands in the file at `path`, or nil if it cannot be read.
  package static func read(_ path: String) -> String? {
    // A C string for the length of the call.
    guard let file = unsafe OwnedDescriptor(open(path, O_RDONLY | O_CLOEXEC)) else { return nil }
    return bytes(of: file, longest: .max).map { String(decoding: $0, as: UTF8.self) }
  }

  /// All bytes of a file, or some more than `longest`.
  private static func bytes(of file: borrowing OwnedDescriptor, longest: Int) -> [UInt8]? {
    var text: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16_384)
    while text.count <= longest {
      // The array holds `part.count` bytes for the length of the call.
      let count = unsafe Glibc.read(file.value, &part, part.count)
      guard count >= 0 else { return nil }
      guard count > 0 else { return text }
      text += part[..<count]
    }
    return text
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
