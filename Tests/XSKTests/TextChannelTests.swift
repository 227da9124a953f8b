import Expectations
import Glibc
import Testing

@testable import XSK

/// Texts over a socket, and what others send there.
@Suite struct TextChannelTests {
  private func send(_ message: [UInt8], to socket: borrowing PeerSocket) -> Bool {
    unsafe Glibc.send(
      socket.fileDescriptor, message, message.count, Int32(MSG_DONTWAIT)) == message.count
  }

  /// What comes of all that is there, and of how many looks.
  private func receive(_ channel: inout TextChannel) -> (last: TextChannel.Arrival, looks: Int) {
    for look in 1...1000 {
      let arrival = channel.receive()
      if arrival != .nothing { return (arrival, look) }
    }
    return (.nothing, 1000)
  }

  @Test("A text of one part, of many, and of none")
  func texts() throws {
    for text in ["", "a", String(repeating: "é", count: 100_000)] {
      let ends = try PeerSocket.pair()
      var channel = TextChannel(PeerSocket(ends.near))
      var other = TextChannel(PeerSocket(ends.far))
      other.send(text)
      var arrival = TextChannel.Arrival.nothing
      while arrival == .nothing {
        arrival = channel.receive()
        other.flush()
      }
      #expect(arrival == .text(text))
      expectEqual(channel.receive(), .nothing)
    }
  }

  @Test("Whoever sends parts without end keeps nobody: they are taken some at a time")
  func parts() throws {
    let ends = try PeerSocket.pair()
    var channel = TextChannel(PeerSocket(ends.near))
    let other = PeerSocket(ends.far)
    var count = 0
    while send([1, 0x61], to: other) { count += 1 }
    #expect(count > 100)
    expectEqual(channel.receive(), .nothing)
    expect(send([0, 0x62], to: other))
    let (last, looks) = receive(&channel)
    #expect(last == .text(String(repeating: "a", count: count) + "b") && looks > 1)
  }

  @Test("A part that has nothing in it, and says that more comes, is no text")
  func emptyParts() throws {
    let ends = try PeerSocket.pair()
    var channel = TextChannel(PeerSocket(ends.near))
    let other = PeerSocket(ends.far)
    expect(send([1], to: other))
    expectEqual(channel.receive(), .end)
  }

  @Test("Bytes that are no text, and an end that is gone")
  func nonsense() throws {
    let ends = try PeerSocket.pair()
    var channel = TextChannel(PeerSocket(ends.near))
    let other = PeerSocket(ends.far)
    expect(send([0, 0xFF], to: other))
    expectEqual(channel.receive(), .end)
    let orphans = try PeerSocket.pair()
    var orphan = TextChannel(PeerSocket(orphans.near))
    _ = PeerSocket(orphans.far)
    expectEqual(orphan.receive(), .end)
  }
}
