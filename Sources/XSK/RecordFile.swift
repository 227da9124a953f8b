import CXDP
import Glibc
import SystemPackage

/// Small files of lines, with a sum at the end, in a folder that only this user writes.
enum RecordFile {
  enum Content {
    case none
    case unusable(String)
    case lines([String])
  }

  /// More than any record has: the table of a NIC with 4,096 entries takes 20 KiB.
  private static let limit = 1 << 20

  /// Opens the folder, made if it is not there.
  static func folder(_ path: String, _ operation: String) throws(XDPError) -> OwnedDescriptor {
    func refused(_ reason: String, _ errno: Errno?) -> XDPError {
      XDPError(
        errno == .permissionDenied || errno == .notPermitted ? .notPermitted : .system,
        operation: operation, reason: "\(path) \(reason)",
        remedy: "name another folder, or make it so: mkdir -m 700 \(path)", errno: errno)
    }
    // C strings for the length of the calls.
    if unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
      let failure = Errno(rawValue: errno)
      throw refused("cannot be made (\(failure))", failure)
    }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    guard let folder = OwnedDescriptor(unsafe open(path, flags)) else {
      let failure = Errno(rawValue: errno)
      throw refused("cannot be opened as a folder (\(failure))", failure)
    }
    var status = stat()
    guard unsafe fstat(folder.value, &status) == 0, isTrusted(status), status.st_mode & 0o022 == 0
    else { throw refused("is not this user's, or others may write there", nil) }
    return folder
  }

  /// Whoever may write what is there could do as much to the interface.
  private static func isTrusted(_ status: stat) -> Bool {
    status.st_uid == geteuid() || status.st_uid == 0
  }

  /// The lines of a file without the sum.
  static func read(_ name: String, in folder: borrowing OwnedDescriptor) -> Content {
    let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
    // A C string for the length of the call.
    guard let file = OwnedDescriptor(unsafe openat(folder.value, name, flags)) else {
      return errno == ENOENT ? .none : .unusable("it cannot be opened (\(Errno(rawValue: errno)))")
    }
    var status = stat()
    guard unsafe fstat(file.value, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return .unusable("it is not a file")
    }
    guard isTrusted(status), status.st_mode & 0o077 == 0 else {
      return .unusable("it is not this user's, or others may open it")
    }
    guard status.st_size > 0, status.st_size <= limit else {
      return .unusable("it has \(status.st_size) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    // As many bytes as the array has.
    guard unsafe Glibc.read(file.value, &bytes, bytes.count) == bytes.count,
      let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n")
    else { return .unusable("it is no text, or not whole") }
    var lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
    let sum = lines.removeLast()
    guard sum == "sum \(checksum(lines))" else { return .unusable("it is not whole") }
    return .lines(lines)
  }

  /// Writes a file beside the old one and puts it in its place; nil is success.
  static func write(
    _ lines: [String], _ name: String, in folder: borrowing OwnedDescriptor
  ) -> Errno? {
    let bytes = [UInt8](((lines + ["sum \(checksum(lines))"]).joined(separator: "\n") + "\n").utf8)
    let draft = ".\(name)"
    // What a process that was killed while writing left. C strings for the length of the calls.
    _ = unsafe unlinkat(folder.value, draft, 0)
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    guard let file = OwnedDescriptor(unsafe openat(folder.value, draft, flags, 0o600)) else {
      return Errno(rawValue: errno)
    }
    // As many bytes as the array has.
    let count = unsafe Glibc.write(file.value, bytes, bytes.count)
    if count == bytes.count, unsafe renameat(folder.value, draft, folder.value, name) == 0 {
      return nil
    }
    let failure = count >= 0 && count < bytes.count ? Errno.noSpace : Errno(rawValue: errno)
    _ = unsafe unlinkat(folder.value, draft, 0)
    return failure
  }

  /// FNV-1a of the lines: against files that are not whole, not against forgery.
  static func checksum(_ lines: [String]) -> String {
    var sum: UInt64 = 0xCBF2_9CE4_8422_2325
    for line in lines {
      for byte in line.utf8 { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }
      sum = (sum ^ 10) &* 0x100_0000_01B3
    }
    return String(sum, radix: 16)
  }
}
