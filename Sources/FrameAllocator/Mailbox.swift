/// A ring from one worker to another: frames that the one let go of and the other owns.
///
/// One producer, one consumer, cursors on cache lines of their own.
@usableFromInline struct Mailbox: BitwiseCopyable, Sendable {
  private let frames: Table<UInt32>
  private let produced: SharedCursor
  private let consumed: SharedCursor

  /// Frames that a mailbox holds.
  static let depth: UInt32 = 4096

  init(memory: TableMemory) {
    frames = memory.table(of: UInt32.self, count: Int(Self.depth))
    produced = memory.sharedCursor()
    consumed = memory.sharedCursor()
  }

  /// The producer's end: its cursor, and how far it knows the consumer to be.
  struct Sender: BitwiseCopyable {
    private let mailbox: Mailbox
    private var cursor: UInt32 = 0
    private var published: UInt32 = 0
    private var limit: UInt32 = Mailbox.depth

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    /// Frames that were put in and the consumer cannot see yet.
    var pending: UInt32 { cursor &- published }

    /// Puts a frame in; false if the mailbox is full.
    @inline(__always)
    mutating func put(_ granule: Int) -> Bool {
      if cursor == limit {
        limit = mailbox.consumed.acquired &+ Mailbox.depth
        guard cursor != limit else { return false }
      }
      mailbox.frames[Int(cursor & (Mailbox.depth - 1))] = UInt32(truncatingIfNeeded: granule)
      cursor &+= 1
      return true
    }

    /// Shows the consumer what was put in.
    mutating func publish() {
      mailbox.produced.publish(cursor)
      published = cursor
    }
  }

  /// The consumer's end.
  @usableFromInline struct Receiver: BitwiseCopyable {
    private let mailbox: Mailbox
    private var cursor: UInt32 = 0

    init(_ mailbox: Mailbox) { self.mailbox = mailbox }

    /// Takes out what is there.
    ///
    /// A burst is read before any of it is looked into: its cache lines, which the sender wrote
    /// last, then come from the other processor side by side instead of one after the other.
    @inline(__always)
    mutating func drain(_ body: (Int) -> Void) {
      let end = mailbox.produced.acquired
      guard end != cursor else { return }
      var burst = InlineArray<64, UInt32>(repeating: 0)
      while cursor != end {
        let count = min(burst.count, Int(end &- cursor))
        for place in 0..<count {
          burst[place] =
            mailbox.frames[
              Int((cursor &+ UInt32(truncatingIfNeeded: place)) & (Mailbox.depth - 1))]
        }
        for place in 0..<count { body(Int(burst[place])) }
        cursor &+= UInt32(truncatingIfNeeded: count)
      }
      mailbox.consumed.publish(cursor)
    }
  }
}
