import Glibc
import MartletTestKit

/// The file behind a descriptor, for finding what still holds it.
struct Inode: Hashable {
  let number: UInt
  /// The file system's device: numbers are unique only on one.
  let device: UInt

  init(_ descriptor: Int32) throws {
    var status = stat()
    // The structure outlives the call.
    guard unsafe fstat(descriptor, &status) == 0 else { throw TestKitError("fstat: \(errno)") }
    number = UInt(status.st_ino)
    device = UInt(status.st_dev)
  }

  /// Whether a line of `/proc/self/maps` or `smaps` is a mapping of this file.
  func isMapped(in line: Substring) -> Bool {
    let words = line.split(separator: " ")
    guard words.count >= 5, words[0].contains("-"), words[4] == "\(number)" else { return false }
    // Major and minor number in hexadecimal; small ones lie in the low 20 bits like this.
    let parts = words[3].split(separator: ":").compactMap { UInt($0, radix: 16) }
    return parts == [device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xFFF00]
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
