import CXDP
import Glibc
import MartletTestKit
import Testing

/// Records an issue if an XDP program is attached to one of the interfaces.
func expectNothingAttached(
  to interfaces: String..., at location: SourceLocation = #_sourceLocation
) throws {
  for interface in interfaces {
    let link = try runProgram(["ip", "-d", "link", "show", "dev", interface])
    #expect(!link.contains("xdp"), sourceLocation: location)
    #expect(link.contains("promiscuity 0 "), sourceLocation: location)
  }
}

/// Runs `body` on a thread that shares no descriptor with the rest of the process (CLONE_FILES), so
/// that what it opens can be counted while other tests run.
func withOwnDescriptors(_ body: @escaping @Sendable () throws -> Void) throws {
  try TestThread {
    guard cxdp_unshare(0x400) == 0 else { throw TestKitError("unshare: \(errno)") }
    // Copies of other tests' descriptors would keep their queues busy.
    for descriptor in openDescriptors() where descriptor > 2 { close(descriptor) }
    try body()
  }.join()
}

/// The calling thread's open descriptors.
func openDescriptors() -> [Int32] { (0..<1024).filter { fcntl($0, F_GETFD) >= 0 } }

/// The inode numbers of the calling thread's open sockets and memory files, for finding what is
/// still mapped of them later.
func openFiles() -> Set<String> {
  Set(
    openDescriptors().compactMap { descriptor in
      var status = stat()
      // The structure outlives the call.
      guard unsafe fstat(descriptor, &status) == 0 else { return nil }
      return "\(status.st_ino)"
    })
}

/// Lines of /proc/self/maps that map one of the sockets or memory files.
///
/// Maps of BPF share one inode over the whole machine and cannot be told apart.
func mappings(of files: Set<String>) throws -> [Substring] {
  try runProgram(["cat", "/proc/\(getpid())/maps"]).split(separator: "\n").filter { line in
    let words = line.split(separator: " ")
    guard words.count > 5 else { return false }
    return files.contains(String(words[4]))
      && (words[5].hasPrefix("socket:") || words[5].hasPrefix("/memfd:"))
  }
}
