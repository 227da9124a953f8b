import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

/// A channel between two threads, as between two processes.
@Suite struct ChannelTests {
  /// An end that goes to another thread.
  private final class End: @unchecked Sendable {
    var channel: Channel
    var poller = Poller(capacity: 1)

    init(_ channel: consuming Channel) {
      poller.add(channel.socket.fileDescriptor)
      self.channel = channel
    }

    /// Sleeps until something is there; false if nothing comes for ten seconds.
    func wait() -> Bool {
      while channel.receiver.peek() == 0 {
        guard channel.prepareToSleep() else { continue }
        let isWoken = poller.wait(timeout: .seconds(10)) > 0
        channel.endSleep()
        guard isWoken else { return false }
        _ = channel.socket.takeWakes(16)
      }
      return true
    }
  }

  private func make(_ size: UInt32) throws -> (End, End) {
    let pair = try PeerSocket.pair()
    let memory = try ChannelMemory(size: size)
    let file = ReceivedDescriptor(dup(memory.fileDescriptor))
    let same = try ChannelMemory(of: file, size: size)
    return (
      End(Channel(memory, .owner, socket: PeerSocket(pair.near))),
      End(Channel(same, .peer, socket: PeerSocket(pair.far)))
    )
  }

  @Test("Entries arrive in order and once, and nobody sleeps through one", arguments: [2, 64])
  func order(_ size: UInt32) throws {
    let (near, far) = try make(size)
    let count: UInt64 = 200_000
    let echo = TestThread {
      var seen: UInt64 = 0
      while seen < count {
        guard far.wait() else { throw TestKitError("asleep at \(seen)") }
        while far.channel.receiver.remaining > 0 {
          let entry = far.channel.receiver.take()
          guard entry == ChannelEntry(seen, ~seen) else { throw TestKitError("\(entry)") }
          while !far.channel.sender.hasRoom {
            far.channel.publish()
            sched_yield()
          }
          far.channel.sender.put(entry)
          seen += 1
        }
        far.channel.publish()
      }
    }
    var sent: UInt64 = 0
    var back: UInt64 = 0
    while back < count {
      while sent < count, sent - back < UInt64(size), near.channel.sender.hasRoom {
        near.channel.sender.put(ChannelEntry(sent, ~sent))
        sent += 1
      }
      near.channel.publish()
      guard near.wait() else { throw TestKitError("asleep at \(back) of \(sent)") }
      while near.channel.receiver.remaining > 0 {
        let entry = near.channel.receiver.take()
        guard entry == ChannelEntry(back, ~back) else { throw TestKitError("\(entry)") }
        back += 1
      }
    }
    try echo.join()
    expect(!near.channel.isBroken && !far.channel.isBroken)
  }

  @Test("A ring wraps, fills and empties")
  func wraps() throws {
    let (near, far) = try make(4)
    for round in UInt64(0)..<1000 {
      var put: UInt64 = 0
      while near.channel.sender.hasRoom {
        near.channel.sender.put(ChannelEntry(round, put))
        put += 1
      }
      expect(put == 4 && far.channel.receiver.peek() == 0)
      near.channel.publish()
      expect(far.channel.receiver.peek() == 4)
      for number in UInt64(0)..<4 {
        expect(far.channel.receiver.take() == ChannelEntry(round, number))
      }
      expect(!near.channel.sender.hasRoom)
      far.channel.publish()
    }
  }

  @Test("One that sleeps is woken by as many entries as it sleeps for, and by nothing else")
  func aims() throws {
    let (near, far) = try make(16)
    for round in 1...10 {
      expect(far.channel.prepareToSleep(for: 3))
      for number in UInt64(0)..<3 {
        expect(near.channel.wakeCount == UInt64(round - 1) && near.channel.sender.hasRoom)
        near.channel.sender.put(ChannelEntry(number, 0))
        near.channel.publish()
      }
      expect(near.channel.wakeCount == UInt64(round))
      expect(far.channel.socket.takeWakes(16) == 1)
      far.channel.endSleep()
      let before = far.channel.sleepCount
      expect(!far.channel.prepareToSleep(for: 3) && far.channel.prepareToSleep(for: 4))
      // The near end may have seen the first one, and woken who stayed awake.
      expect(far.channel.sleepCount == before + 2)
      far.channel.endSleep()
      // What was only taken is nothing to wake for.
      expect(near.channel.prepareToSleep())
      expect(far.channel.receiver.peek() == 3)
      for _ in 0..<3 { _ = far.channel.receiver.take() }
      far.channel.publish()
      expect(far.channel.wakeCount == 0)
      near.channel.endSleep()
    }
  }

  @Test("Cursors that are a ring's size apart are believed, and one entry more is not")
  func bounds() throws {
    let (near, far) = try make(4)
    let memory = near.channel.memory
    while near.channel.sender.hasRoom { near.channel.sender.put(ChannelEntry(0, 0)) }
    expect(near.channel.sender.position == 4 && !near.channel.isBroken)
    // The peer has taken one less than none.
    memory.scribble(.max, at: 128)
    expect(!near.channel.sender.hasRoom && near.channel.sender.isBroken)
    memory.scribble(4, at: 256)
    expect(near.channel.receiver.peek() == 4 && !near.channel.receiver.isBroken)
    memory.scribble(5, at: 256)
    expect(near.channel.receiver.peek() == 0 && near.channel.receiver.isBroken)
    expect(!far.channel.isBroken)
  }

  @Test("An end that is closed is over for the other one")
  func closed() throws {
    let (near, far) = try make(16)
    expect(!far.channel.isOver)
    near.channel.close()
    expect(far.channel.isOver)
  }

  @Test("A file that is no channel is refused", arguments: [UInt32(3), 1 << 17, 0, 256])
  func refusals(_ size: UInt32) throws {
    let memory = try ChannelMemory(size: 16)
    do throws(XDPError) {
      _ = try ChannelMemory(of: ReceivedDescriptor(dup(memory.fileDescriptor)), size: size)
      Issue.record("a ring of \(size) was found")
    } catch {
      #expect(error.kind == .system)
    }
  }

  @Test("The other end's hang-up is seen, whatever its process did to the socket")
  func hangUp() throws {
    let pair = try PeerSocket.pair()
    let near = PeerSocket(pair.near)
    do {
      let far = PeerSocket(pair.far)
      #expect(near.takeWakes(4) == 0)
      // An end may be made to block: the other one's calls still do not.
      _ = fcntl(far.fileDescriptor, F_SETFL, 0)
      for _ in 0..<10_000 { near.wake() }
      #expect(near.takeWakes(4) == 0)
    }
    // A process that another test starts at this moment has a copy until its program runs.
    let end = ContinuousClock.now + .seconds(10)
    while near.takeWakes(4) != nil, ContinuousClock.now < end { sched_yield() }
    #expect(near.takeWakes(4) == nil)
    near.wake()
  }
}
