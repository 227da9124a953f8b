import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

private let refusals = KernelFeature.refusedFiles

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

  @Test(
    "Nobody sends files to who gives some away",
    .enabled(if: refusals.isExpected, Comment(rawValue: refusals.reason)))
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

/// CAP_CHOWN of linux/capability.h.
private let chown = 0
