import CXDP
import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

/// Sockets between processes: their names in the file system, and who closes them.
@Suite struct PeerTests {
  private static func freshPath() -> String {
    "/tmp/martlet-\(UInt64.random(in: 0 ... .max))"
  }

  private static func exists(_ path: String) -> Bool {
    // A C string for the length of the call.
    unsafe access(path, F_OK) == 0
  }

  @Test("The name of a socket goes with its listener, but not with one that was replaced")
  func names() throws {
    let path = Self.freshPath()
    let first = try PeerListener(path: path)
    let second = try PeerListener(replacing: path)
    _ = consume first
    let far = try PeerSocket(connectedTo: path)
    let near = try second.accept(timeout: .seconds(5))
    expect(near != nil)
    _ = consume second
    #expect(!Self.exists(path))
    _ = consume far
    _ = consume near
  }

  @Test("A listener that cannot be leaves no name behind")
  func refused() throws {
    let path = Self.freshPath()
    let error = try withoutCapability(chown) {
      // Not a group of this process.
      #expect(throws: XDPError.self) { _ = try PeerListener(path: path, group: 54_321) }
    }
    #expect(error?.kind == .system || error?.kind == .notPermitted)
    #expect(!Self.exists(path))
    _ = try PeerListener(path: path)
  }

  @Test("Nobody sends files to who gives some away", .enabled(if: refusesFiles, "Linux 6.16"))
  func files() throws {
    let path = Self.freshPath()
    let listener = try PeerListener(path: path)
    let connected = try PeerSocket(connectedTo: path)
    let file = connected.fileDescriptor
    // Also before it is accepted.
    #expect(throws: XDPError.self) { try connected.ship([1], [file]) }
    guard let accepted = try listener.accept(timeout: .seconds(5)) else {
      throw TestKitError("nobody connects")
    }
    #expect(throws: XDPError.self) { try connected.ship([1], [file]) }
    try accepted.ship([1], [file])
    for descriptor in try connected.unpack(wordCount: 1, timeout: .seconds(5)).descriptors {
      close(descriptor)
    }
    let pair = try PeerSocket.pair()
    let near = PeerSocket(pair.near)
    let far = PeerSocket(pair.far)
    #expect(throws: XDPError.self) { try far.ship([1], [file]) }
    try near.ship([1], [file])
  }

  @Test("A socket that is left to somebody is the same, and no child inherits it")
  func release() throws {
    let pair = try PeerSocket.pair()
    let far = PeerSocket(pair.far)
    let descriptor = PeerSocket(pair.near).release()
    #expect(descriptor == pair.near && fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    expectEqual(far.takeWakes(1), 0)
    close(descriptor)
    expectEqual(far.takeWakes(1), nil)
  }
}

/// Whether this kernel can refuse files (`SO_PASSRIGHTS`).
private var refusesFiles: Bool {
  guard let pair = try? PeerSocket.pair() else { return false }
  let near = PeerSocket(pair.near)
  _ = PeerSocket(pair.far)
  var value: Int32 = 0
  var size = socklen_t(MemoryLayout<Int32>.size)
  // The kernel writes a number.
  return unsafe getsockopt(
    near.fileDescriptor, SOL_SOCKET, Int32(CXDP_SO_PASSRIGHTS), &value, &size) == 0
}

/// CAP_CHOWN of linux/capability.h.
private let chown = 0
