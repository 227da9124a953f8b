import Glibc
import MartletTestKit

/// The file behind a descriptor, for finding what still holds it.
struct Inode: Hashable {
  let number: UInt

  init(_ descriptor: Int32) throws {
    var status = stat()
    // The structure outlives the call.
    guard unsafe fstat(descriptor, &status) == 0 else { throw TestKitError("fstat: \(errno)") }
    number = UInt(status.st_ino)
  }

  /// Whether a line of `/proc/self/maps` or `smaps` is a mapping of this file.
  func isMapped(in line: Substring) -> Bool {
    let words = line.split(separator: " ")
    return words.count >= 5 && words[0].contains("-") && words[4] == "\(number)"
  }

  /// How many mappings of this file the process has.
  func mappingCount() throws -> Int {
    try readText("/proc/self/maps").split(separator: "\n").count(where: isMapped(in:))
  }
}

/// All of a small text file.
func readText(_ path: String) throws -> String {
  var bytes: [UInt8] = []
  // A C string for the length of the call.
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw TestKitError("\(path): errno \(errno)") }
  defer { close(file) }
  var part = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = unsafe read(file, &part, part.count)
    guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
    bytes += part[..<count]
  }
}
