import Martlet
import Synchronization

/// Frames on their way from the thread that gives them to the one that lets go of them: a ring with
/// one producer and one consumer, the same for all contestants.
final class Handover: Sendable {
  private let frames = Cells<UInt64>(repeating: 0, count: 8192)
  private let produced = Cursor()
  private let consumed = Cursor()

  /// A cursor alone on its cache lines.
  final class Cursor: Sendable {
    private let before = InlineArray<16, UInt64>(repeating: 0)
    let value = Atomic<Int>(0)
    private let after = InlineArray<16, UInt64>(repeating: 0)
  }

  /// Frames that the consumer is done with.
  var doneCount: Int { consumed.value.load(ordering: .acquiring) }

  /// Whether there is room for a batch.
  func hasRoom(from cursor: Int, _ count: Int) -> Bool {
    cursor &+ count &- doneCount <= frames.count
  }

  /// Puts in what `next` gives, and shows it.
  func put(from cursor: Int, _ count: Int, _ next: () -> UInt64) {
    for place in cursor..<cursor &+ count { frames[place & (frames.count &- 1)] = next() }
    produced.value.store(cursor &+ count, ordering: .releasing)
  }

  /// Gives what is there to `release`, at most a batch, which is read before any of it is released;
  /// returns how many.
  func take(from cursor: Int, _ release: (UInt64) -> Void) -> Int {
    let count = min(64, produced.value.load(ordering: .acquiring) &- cursor)
    var batch = InlineArray<64, UInt64>(repeating: 0)
    for place in 0..<count { batch[place] = frames[(cursor &+ place) & (frames.count &- 1)] }
    for place in 0..<count { release(batch[place]) }
    return count
  }

  /// Says that all frames up to `cursor` are on their way back.
  func finish(_ cursor: Int) { consumed.value.store(cursor, ordering: .releasing) }
}

/// Waits a moment without giving the processor away.
@inline(__always)
func relax() { for _ in 0..<8 { use(0) } }

/// One side of the way home: how the thread that gives frames gets them back.
protocol Home: ~Copyable {
  mutating func give(_ byteCount: Int) -> UInt64?
  /// Takes in what came back.
  mutating func collect()
}

/// The other side: how a thread lets go of frames that are not its own.
protocol Returner: ~Copyable {
  mutating func sendHome(_ frame: UInt64)
  /// Shows what was sent, at the end of a batch.
  mutating func flush()
}

/// Packets from the thread that owns the memory to another one and back: allocated and handed over
/// here, released there, collected here.
///
/// A slice begins with nothing on its way and ends so.
final class ForeignContestant<Owner: Home & ~Copyable>: Contestant {
  private var owner: Owner
  private let handover: Handover
  private let lengths: Cells<UInt16>
  private var cursor = 0

  let operations = 16384

  init(_ owner: consuming Owner, _ handover: Handover, lengths: Cells<UInt16>) {
    self.owner = owner
    self.handover = handover
    self.lengths = lengths
  }

  func slice() {
    Self.send(&owner, handover, lengths, from: cursor, operations)
    cursor &+= operations
  }

  @inline(never)
  private static func send(
    _ owner: inout Owner, _ handover: Handover, _ lengths: Cells<UInt16>, from start: Int,
    _ count: Int
  ) {
    var cursor = start
    while cursor != start &+ count {
      // As every loop does that waits: what came home meanwhile is taken in.
      while !handover.hasRoom(from: cursor, 64) { owner.collect() }
      var place = cursor
      handover.put(from: cursor, 64) {
        let byteCount = Int(lengths[place & (lengths.count &- 1)])
        place &+= 1
        while true {
          if let frame = owner.give(byteCount) { return frame }
          owner.collect()
        }
      }
      cursor &+= 64
      owner.collect()
    }
    while handover.doneCount != cursor { owner.collect() }
    owner.collect()
  }
}

/// Takes at most a batch of what was handed over and sends it home.
private func serve<Side: Returner & ~Copyable>(
  _ side: inout Side, _ handover: Handover, _ cursor: inout Int
) {
  let count = handover.take(from: cursor) { side.sendHome($0) }
  guard count != 0 else { return }
  cursor &+= count
  side.flush()
  handover.finish(cursor)
}

/// Both ways home, slice by slice in turn: the owners on the calling thread, the other side of both
/// on a thread of its own on the second processor.
func measureRoundTrips(memory: Int, slices: Int) throws -> (ours: Timing, old: Timing) {
  let lengths = Mix.imix.lengths(65_536, seed: 3)
  var configuration = FrameAllocator.Configuration(byteCount: memory)
  configuration.workers = 2
  let pool = try FramePool(configuration)
  let list = LockAndList(granules: memory / 64)
  let (ours, old) = (Handover(), Handover())
  let isOver = Flag()
  onThread {
    try? Processor(1).pinThread()
    var peer = OwnWorker(allocator: pool.makeAllocator(worker: 1))
    var oldPeer = Peer2006(list: list)
    var (cursor, oldCursor) = (0, 0)
    while !isOver.isSet {
      serve(&peer, ours, &cursor)
      serve(&oldPeer, old, &oldCursor)
    }
  }
  defer { isOver.set() }
  let timings = takeTurns(
    [
      Turn(
        ForeignContestant(
          OwnWorker(allocator: pool.makeAllocator(worker: 0)), ours, lengths: lengths)),
      Turn(
        ForeignContestant(
          Owner2006(tree: Tree2006(nodes: memory / 4096, order: 0), list: list), old,
          lengths: lengths)),
    ], slices: slices)
  return (timings[0], timings[1])
}

/// Says one thing once to another thread.
final class Flag: Sendable {
  private let value = Atomic<Bool>(false)

  var isSet: Bool { value.load(ordering: .relaxed) }

  func set() { value.store(true, ordering: .relaxed) }
}

/// Ours: the owner's allocator.
struct OwnWorker: Home, Returner, ~Copyable {
  var allocator: FrameAllocator

  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? { allocator.allocate(byteCount: byteCount) }

  @inline(__always)
  mutating func collect() { allocator.collect() }

  @inline(__always)
  mutating func sendHome(_ frame: UInt64) { allocator.release(frame) }

  @inline(__always)
  mutating func flush() { allocator.collect() }
}
