internal import CXDP
internal import Glibc
internal import SystemPackage

/// A file that one process at a time has locked, in a folder that only this user or root writes.
///
/// The lock is flock(2)'s: it goes with its holder, however that ends, and nobody who cannot open
/// the folder can take it. The file says who has it, and is removed when it is let go of; one that
/// a killed process left is taken over.
package struct LockFile: ~Copyable {
  /// What came of trying to take one.
  package enum Outcome: ~Copyable {
    case taken(LockFile)
    /// By whom, such as "process 12"; nil if whoever it was is just coming or going.
    case held(by: String?)
  }

  private let folder: OwnedDescriptor
  private let file: OwnedDescriptor
  private let name: String

  /// Takes the file's lock if it is free.
  ///
  /// Throws if the folder or the file in it cannot be had; `errno` says why, and is nil if others
  /// may write there.
  package static func take(
    _ name: String, in path: String, _ operation: String
  ) throws(XDPError) -> Outcome {
    let folder = try RecordFile.folder(path, operation)
    while true {
      let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
      // A C string for the length of the call.
      guard let file = OwnedDescriptor(unsafe openat(folder.value, name, flags, 0o600)) else {
        throw failure(Errno(rawValue: errno), "\(path)/\(name) cannot be opened", operation)
      }
      guard flock(file.value, LOCK_EX | LOCK_NB) == 0 else {
        let code = Errno(rawValue: errno)
        guard code == .wouldBlock else {
          throw failure(code, "\(path)/\(name) cannot be locked", operation)
        }
        return .held(by: holder(file))
      }
      // Between the two calls its holder may have removed it. A lock on a file that has no name
      // keeps nobody out.
      guard isCurrent(file, name, folder) else { continue }
      // The name of the holder is for people: without it, on a full file system, the lock holds.
      let line = Array((Holder.current.line + "\n").utf8)
      // As many bytes as the array has.
      if ftruncate(file.value, 0) == 0 { _ = unsafe pwrite(file.value, line, line.count, 0) }
      return .taken(LockFile(folder: folder, file: file, name: name))
    }
  }

  private init(folder: consuming OwnedDescriptor, file: consuming OwnedDescriptor, name: String) {
    self.folder = folder
    self.file = file
    self.name = name
  }

  deinit {
    // Removed while it is locked, so that it is nobody else's; not if somebody has removed it
    // before, since the next one's has the name then. A C string for the length of the call.
    if Self.isCurrent(file, name, folder) { _ = unsafe unlinkat(folder.value, name, 0) }
    // Not left to close(2): a child that is being started may have a copy of the descriptor, and
    // the lock would last as long.
    _ = flock(file.value, LOCK_UN)
  }

  /// Whether the name still leads to the file.
  private static func isCurrent(
    _ file: borrowing OwnedDescriptor, _ name: String, _ folder: borrowing OwnedDescriptor
  ) -> Bool {
    var opened = stat()
    var named = stat()
    // A C string and structures of our own.
    guard unsafe fstat(file.value, &opened) == 0,
      unsafe fstatat(folder.value, name, &named, AT_SYMLINK_NOFOLLOW) == 0
    else { return false }
    return opened.st_dev == named.st_dev && opened.st_ino == named.st_ino
  }

  /// Who has written that it has the lock, if it lives.
  private static func holder(_ file: borrowing OwnedDescriptor) -> String? {
    var bytes = [UInt8](repeating: 0, count: 64)
    // At most as many bytes as the array has.
    let count = unsafe pread(file.value, &bytes, bytes.count, 0)
    guard count > 0, bytes[count - 1] == UInt8(ascii: "\n"),
      let holder = Holder(String(decoding: bytes[..<(count - 1)], as: UTF8.self)), holder.isAlive
    else { return nil }
    return holder == .current ? "this process itself" : "process \(holder.process)"
  }

  private static func failure(_ code: Errno, _ reason: String, _ operation: String) -> XDPError {
    XDPError(
      code == .permissionDenied || code == .notPermitted ? .notPermitted : .system,
      operation: operation, reason: "\(reason) (\(code))",
      remedy: "remove what is there, or look at the limits of this process (ulimit -n)",
      errno: code)
  }
}
