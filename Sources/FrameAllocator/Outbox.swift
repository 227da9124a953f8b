/// Frames on their way to another worker, whose memory they are.
///
/// They go by mailbox, in batches. What a full mailbox does not take waits in a bitmap over the
/// memory, so that however long the other worker sleeps, nothing is lost.
@usableFromInline struct Outbox: BitwiseCopyable {
  private var sender: Mailbox.Sender
  /// A bit per granule where a waiting frame begins.
  private let backlog: Table<UInt64>
  private(set) var backlogCount = 0
  private var cursor = 0

  /// Frames that are shown to the other worker together.
  private static let batch: UInt32 = 32

  init(_ mailbox: Mailbox, pageCount: Int, memory: TableMemory) {
    sender = Mailbox.Sender(mailbox)
    backlog = memory.table(of: UInt64.self, count: pageCount)
  }

  /// Takes a frame, by its first granule or any other.
  ///
  /// False if it waits there already: a second release of the same frame.
  @inline(__always)
  mutating func put(_ granule: Int) -> Bool {
    if backlogCount == 0, sender.put(granule) {
      if sender.pending == Self.batch { sender.publish() }
      return true
    }
    return keep(granule)
  }

  /// Keeps a frame that the mailbox has no room for; false if it waits there already.
  @inline(never)
  private mutating func keep(_ granule: Int) -> Bool {
    let bit = UInt64(1) << UInt64(granule & 63)
    guard backlog[granule >> 6] & bit == 0 else { return false }
    backlog[granule >> 6] |= bit
    backlogCount += 1
    return true
  }

  /// Shows the other worker what there is for it, as far as its mailbox has room.
  mutating func flush() {
    while backlogCount > 0 {
      let bits = backlog[cursor]
      if bits == 0 {
        cursor = cursor + 1 == backlog.count ? 0 : cursor + 1
        continue
      }
      let granule = cursor << 6 | bits.trailingZeroBitCount
      guard sender.put(granule) else { break }
      backlog[cursor] &= bits - 1
      backlogCount -= 1
    }
    if sender.pending != 0 { sender.publish() }
  }
}
