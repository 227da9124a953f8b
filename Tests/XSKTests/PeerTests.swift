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
