import CXDP
import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(1)))
struct LeakTests {
  @Test("Fifty times opened and closed: no descriptor and no mapping stays")
  func openAndClose() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 2 }
      try withOwnDescriptors {
        let near = try Interface(named: "near")
        let before = try openDescriptors()
        for round in 0..<50 {
          let inodes = try Self.use(near, closingFirstFirst: round.isMultiple(of: 2))
          #expect(Set(inodes).count == 3)
          for inode in inodes { #expect(try inode.mappingCount() == 0) }
          #expect(try openDescriptors() == before)
        }
      }
    }
  }

  /// Binds two queues and answers with the files behind both sockets and the memory.
  private static func use(_ near: Interface, closingFirstFirst: Bool) throws -> [Inode] {
    let umem = try makeUMEM()
    let first = try umem.bind(near, queue: 0, mode: .copy)
    let second = try umem.bind(near, queue: 1, mode: .copy)
    let descriptors = [first.fileDescriptor, second.fileDescriptor, umem.fileDescriptor]
    let inodes = try descriptors.map(Inode.init)
    #expect(try inodes.map { try $0.mappingCount() } == [4, 4, 1])
    if closingFirstFirst {
      _ = consume first
      _ = consume second
    } else {
      _ = consume second
      _ = consume first
    }
    return inodes
  }

  @Test("A refused bind leaves no descriptor and no ring behind")
  func refused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try withOwnDescriptors {
        let near = try Interface(named: "near")
        let umem = try makeUMEM()
        let memory = try Inode(umem.fileDescriptor)
        let before = try openDescriptors()
        for _ in 0..<10 {
          #expect(throws: XDPError.self) { _ = try umem.bind(near, queue: 0, mode: .zeroCopy) }
          #expect(throws: XDPError.self) { _ = try umem.bind(near, queue: 7, mode: .copy) }
          #expect(try openDescriptors() == before)
          #expect(try memory.mappingCount() == 1)
        }
      }
    }
  }

  @Test("A view of the memory keeps it mapped, and nothing else does")
  func lastView() throws {
    var umem: UMEM? = try makeUMEM()
    let inode = try Inode(#require(umem).fileDescriptor)
    let memory = try #require(umem).memory()
    umem = nil
    #expect(try inode.mappingCount() == 1)
    Self.read(memory)
    #expect(try inode.mappingCount() == 0)
  }

  /// Reads the first byte and ends the view.
  private static func read(_ memory: consuming PacketMemory) {
    expectEqual(memory.span(at: 0, count: 1).byteCount, 1)
  }
}

/// Runs `body` on a thread that shares no descriptor with the rest of the process (CLONE_FILES), so
/// that what it opens can be counted while other tests run.
private func withOwnDescriptors(_ body: @escaping @Sendable () throws -> Void) throws {
  try TestThread {
    guard cxdp_unshare(0x400) == 0 else { throw TestKitError("unshare: \(errno)") }
    // Copies of other tests' descriptors would keep their queues busy.
    for descriptor in try openDescriptors() where descriptor > 2 { close(descriptor) }
    try body()
  }.join()
}

/// The calling thread's open descriptors.
private func openDescriptors() throws -> [Int32] {
  (0..<1024).filter { fcntl($0, F_GETFD) >= 0 }
}
