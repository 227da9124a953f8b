public import Synchronization

/// One end of a channel between two processes: what it sends, what it receives, and how each wakes
/// the other.
///
/// No system call is made while the other end is awake. One that goes to sleep says in memory how
/// many entries it sleeps for and looks once more; one that publishes looks whether the other
/// sleeps and has as many now, and then sends it an empty word over the socket between the two. An
/// eventfd would not do: its file is one for both processes, so either could make the other's write
/// block.
@frozen @safe public struct Channel: ~Copyable {
  /// What the other end gets.
  public var sender: ChannelSender
  /// What comes from the other end.
  public var receiver: ChannelReceiver
  @usableFromInline let ownSleep: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let otherSleep: UnsafeMutablePointer<Atomic<UInt32>>
  private let ownAim: UnsafeMutablePointer<Atomic<UInt32>>
  private let otherAim: UnsafeMutablePointer<Atomic<UInt32>>
  @usableFromInline let end: UnsafeMutablePointer<Atomic<UInt32>>
  /// The socket to the other process.
  public let socket: PeerSocket
  /// Keeps the words mapped.
  public let memory: ChannelMemory
  /// How often this end said that it was going to sleep: no honest peer wakes it more often.
  public private(set) var sleepCount: UInt64 = 0
  /// How often this end woke the other one.
  public private(set) var wakeCount: UInt64 = 0

  /// An end over `memory`; each end is made once.
  public init(_ memory: ChannelMemory, _ end: ChannelMemory.End, socket: consuming PeerSocket) {
    sender = memory.makeSender(end)
    receiver = memory.makeReceiver(end)
    let sleepers = unsafe memory.sleepers(end)
    unsafe ownSleep = sleepers.own
    unsafe otherSleep = sleepers.other
    unsafe ownAim = sleepers.ownAim
    unsafe otherAim = sleepers.otherAim
    unsafe self.end = memory.endWord()
    self.socket = socket
    self.memory = memory
  }

  /// Whether the other end ever wrote nonsense into a cursor.
  public var isBroken: Bool { sender.isBroken || receiver.isBroken }

  /// Whether an end said that nothing in the channel counts any more.
  ///
  /// The other end may write the word: for the peer, which the owner's end ends, not for the owner.
  @inlinable public var isOver: Bool {
    @inline(__always) get { unsafe end.pointee.load(ordering: .acquiring) != 0 }
  }

  /// Says that nothing in the channel counts any more, before anything comes of that.
  public func close() { unsafe end.pointee.store(1, ordering: .releasing) }

  /// Shows the other end what was put and taken, and wakes it if it sleeps for no more than that.
  ///
  /// One system call if it is woken, none otherwise.
  public mutating func publish() {
    // Room first: who sees an answer to what it sent sees room for more, since nobody is woken for
    // room alone.
    receiver.release()
    sender.submit()
    // Who sleeps has said so before it looked a last time; who publishes has published before it
    // looks here. With a fence on both sides one of them sees the other.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard unsafe otherSleep.pointee.load(ordering: .acquiring) != 0 else { return }
    let aim = unsafe otherAim.pointee.load(ordering: .relaxed)
    guard Int32(bitPattern: sender.position &- aim) >= 0 else { return }
    unsafe otherSleep.pointee.store(0, ordering: .relaxed)
    wakeCount &+= 1
    socket.wake()
  }

  /// Says that this end is going to sleep until `count` entries are there; false if they have come,
  /// and it must not.
  public mutating func prepareToSleep(for count: UInt32 = 1) -> Bool {
    // Before the other end can see it: it may wake this one even if that does not sleep after all.
    sleepCount &+= 1
    unsafe ownAim.pointee.store(receiver.position &+ count, ordering: .relaxed)
    unsafe ownSleep.pointee.store(1, ordering: .releasing)
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    guard receiver.pendingCount < count else {
      unsafe ownSleep.pointee.store(0, ordering: .relaxed)
      return false
    }
    return true
  }

  /// Says that this end is awake again.
  public func endSleep() {
    unsafe ownSleep.pointee.store(0, ordering: .relaxed)
  }
}
