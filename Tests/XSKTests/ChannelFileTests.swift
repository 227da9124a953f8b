import CXDP
import Expectations
import Glibc
import Testing
import XSK

/// Files and sockets that another process hands over.
@Suite struct ChannelFileTests {
  /// A memfd of `byteCount` bytes, which can be cut unless it is sealed.
  private func makeFile(_ byteCount: Int, isSealed: Bool) throws -> Int32 {
    let flags = CXDP_MFD_CLOEXEC | CXDP_MFD_ALLOW_SEALING
    // A C string for the length of the call.
    let file = unsafe cxdp_memfd_create("test", UInt32(flags))
    try #require(file >= 0 && ftruncate(file, byteCount) == 0)
    let seals = isSealed ? CXDP_F_SEAL_SHRINK : 0
    try #require(fcntl(file, Int32(CXDP_F_ADD_SEALS), Int32(seals)) == 0)
    return file
  }

  @Test("A file that can be cut under the mapping is no channel", arguments: [true, false])
  func channel(_ isSealed: Bool) throws {
    let file = ReceivedDescriptor(try makeFile(1 << 16, isSealed: isSealed))
    do throws(XDPError) {
      _ = try ChannelMemory(of: file, size: 16)
      #expect(isSealed)
    } catch {
      #expect(!isSealed && error.kind == .system)
    }
  }

  @Test("A file that can be cut under the mapping is no arena", arguments: [true, false])
  func arena(_ isSealed: Bool) throws {
    let file = ReceivedDescriptor(try makeFile(1 << 16, isSealed: isSealed))
    do throws(XDPError) {
      let arena = try ArenaView(file, isWritable: false)
      expect(isSealed && arena.byteCount == 1 << 16)
    } catch {
      #expect(!isSealed && error.kind == .system)
    }
  }

  @Test("A socket that was taken over is not inherited by programs that the process starts")
  func inheritance() throws {
    let pair = try PeerSocket.pair()
    defer { close(pair.far) }
    _ = fcntl(pair.near, F_SETFD, 0)
    let near = PeerSocket(pair.near)
    expectEqual(fcntl(near.fileDescriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC)
  }
}
