/// Frames of one worker that are ready to be given again, by flow group and length.
///
/// A magazine is a stack: the frame released last, still warm, goes first. Only frames of normal
/// nodes are cached. Bounded, and emptied when an allocation finds nothing: a cache never pins
/// memory.
@frozen @usableFromInline struct Magazines {
  @usableFromInline let entries: Table<UInt32>
  @usableFromInline let counts: Table<UInt16>
  /// Most frames in a magazine of packed frames; 0 caches nothing.
  ///
  /// 0 while memory is short: then every hole counts, and what comes back goes into its page.
  @usableFromInline private(set) var depth: Int
  private let configuredDepth: Int
  /// Most slots in a magazine.
  @usableFromInline private(set) var slotDepth: Int
  private let slotFactor: Int
  @usableFromInline let groupCount: Int

  /// Longest frame that is cached, in granules: what a packet of 1,518 bytes and its headroom take.
  @inlinable static var longest: Int { 32 }
  /// Most frames of one length that can be cached.
  @inlinable static var capacity: Int { 64 }
  /// How many times deeper the magazine of slots can be: bursts of several ports come from it.
  @inlinable static var slotFactor: Int { 8 }
  /// Magazines of a group: one per length, and number 0 for RX slots.
  @inlinable static var perGroup: Int { 33 }
  /// Entries of a group's magazines.
  @inlinable static var entriesPerGroup: Int { (slotFactor + 32) * capacity }
  /// Slots that a miss makes at once.
  static let refill = 16

  init(groupCount: Int, depth: Int, slotFactor: Int, memory: TableMemory) {
    self.depth = depth
    configuredDepth = depth
    self.slotFactor = slotFactor
    slotDepth = depth * slotFactor
    self.groupCount = groupCount
    counts = memory.table(of: UInt16.self, count: groupCount * Self.perGroup)
    entries = memory.table(
      of: UInt32.self, count: depth == 0 ? 0 : groupCount * Self.entriesPerGroup)
  }

  /// Most frames in a group's magazine for a length; length 0 means RX slots.
  @inlinable @inline(__always)
  func depth(for length: Int) -> Int { length == 0 ? slotDepth : depth }

  @inlinable @inline(__always)
  func row(_ group: Int, _ length: Int) -> Int { group &* Magazines.perGroup &+ length }

  /// Where a group's magazine for a length begins in `entries`.
  @inlinable @inline(__always)
  func first(_ group: Int, _ length: Int) -> Int {
    group &* Magazines.entriesPerGroup
      &+ (length == 0 ? 0 : (Magazines.slotFactor &- 1 &+ length) &* Magazines.capacity)
  }

  /// Frames in a group's magazine for a length.
  @inlinable @inline(__always)
  func count(_ group: Int, _ length: Int) -> Int {
    Int(truncatingIfNeeded: counts[row(group, length)])
  }

  /// Takes the last frame out, as the number of its first granule.
  @inlinable @inline(__always)
  func pop(_ group: Int, _ length: Int) -> Int? {
    let count = count(group, length)
    guard count != 0 else { return nil }
    counts[row(group, length)] = UInt16(truncatingIfNeeded: count &- 1)
    return Int(truncatingIfNeeded: entries[first(group, length) &+ count &- 1])
  }

  /// Puts a frame in; false if the magazine is full.
  @inlinable @inline(__always)
  func push(_ granule: Int, _ group: Int, _ length: Int) -> Bool {
    let count = count(group, length)
    guard count < depth(for: length) else { return false }
    entries[first(group, length) &+ count] = UInt32(truncatingIfNeeded: granule)
    counts[row(group, length)] = UInt16(truncatingIfNeeded: count &+ 1)
    return true
  }

  /// Caches frames only while memory is not short.
  mutating func cache(_ isPlenty: Bool) {
    depth = isPlenty ? configuredDepth : 0
    slotDepth = depth * slotFactor
  }

  /// The frame that was put in as number `place` of those there.
  func frame(_ place: Int, _ group: Int, _ length: Int) -> Int {
    Int(entries[first(group, length) + place])
  }

  /// Forgets the `count` frames that were put in first.
  func drop(_ count: Int, _ group: Int, _ length: Int) {
    let first = first(group, length)
    let left = self.count(group, length) - count
    for place in 0..<left { entries[first + place] = entries[first + count + place] }
    counts[row(group, length)] = UInt16(left)
  }
}
