/// Frames of one worker that are ready to be given again, by flow group and length.
///
/// A magazine is a stack: the frame released last, still warm, goes first. Only frames of normal
/// nodes are cached. Bounded, and emptied when an allocation finds nothing: a cache never pins
/// memory.
@frozen @usableFromInline struct Magazines {
  /// Per group: how many frames each magazine has; then those of each, by their first granules.
  @usableFromInline let words: Table<UInt32>
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
  ///
  /// What comes back in batches of 64 finds room, and the next 64 allocations find it.
  @inlinable static var capacity: Int { 128 }
  /// How many times deeper the magazine of slots can be: bursts of several ports come from it.
  @inlinable static var slotFactor: Int { 4 }
  /// Words of a group: a count per length, then room for slots and for the frames of each length.
  @inlinable static var wordsPerGroup: Int { 2 &* wordsPerHeap }
  /// The same by heap, of which every second has magazines: whoever knows the heap need not divide.
  @inlinable static var wordsPerHeap: Int { (firstPacked &+ (longest &+ 1) &* capacity) / 2 }
  /// The count of slots.
  ///
  /// Those of packed frames stand at their lengths, up to that of a page: none need be compared
  /// with `longest`, longer ones and 0 are closed for good.
  @inlinable static var slotCount: Int { 65 }
  /// Where slots stand.
  @inlinable static var firstSlot: Int { 128 }
  /// Where packed frames would stand if they had no granule.
  @inlinable static var firstPacked: Int { firstSlot &+ (slotFactor &- 1) &* capacity }
  /// The count of a closed magazine: less than 1 for whoever takes, more than any depth for whoever
  /// puts.
  static let closed: UInt32 = 1 << 31
  /// Slots that a miss makes at once.
  static let refill = 16

  init(groupCount: Int, depth: Int, slotFactor: Int, memory: TableMemory) {
    self.depth = depth
    configuredDepth = depth
    self.slotFactor = slotFactor
    slotDepth = depth * slotFactor
    self.groupCount = groupCount
    words = memory.table(of: UInt32.self, count: groupCount * Self.wordsPerGroup)
    for group in 0..<groupCount {
      for length in 0..<Self.slotCount { words[group * Self.wordsPerGroup + length] = Self.closed }
    }
  }

  /// Most frames in a group's magazine for a length; length 0 means RX slots.
  @inlinable @inline(__always)
  func depth(for length: Int) -> Int { length == 0 ? slotDepth : depth }

  /// A magazine: where its count stands, and where its frames do.
  @frozen @usableFromInline struct Place {
    @usableFromInline let count: Int
    @usableFromInline let frames: Int

    @inlinable @inline(__always)
    init(count: Int, frames: Int) {
      self.count = count
      self.frames = frames
    }
  }

  /// The magazine for packed frames of a length, for a heap of normal nodes.
  @inlinable @inline(__always)
  func place(heap: Int, packed length: Int) -> Place {
    let start = heap &* Magazines.wordsPerHeap
    return Place(
      count: start &+ length,
      frames: start &+ length &* Magazines.capacity &+ Magazines.firstPacked)
  }

  /// A group's magazine for a length; length 0 means RX slots.
  @inlinable @inline(__always)
  func place(_ group: Int, _ length: Int) -> Place {
    guard length == 0 else { return place(heap: group &<< 1, packed: length) }
    let start = group &* Magazines.wordsPerGroup
    return Place(count: start &+ Magazines.slotCount, frames: start &+ Magazines.firstSlot)
  }

  /// Frames in a group's magazine for a length.
  @inlinable @inline(__always)
  func count(_ group: Int, _ length: Int) -> Int {
    max(0, Int(Int32(bitPattern: words[place(group, length).count])))
  }

  /// Takes the last frame out, as the number of its first granule.
  @inlinable @inline(__always)
  func pop(_ group: Int, _ length: Int) -> Int? { pop(at: place(group, length)) }

  /// The same for packed frames of a length of 0, of which there are none, to `longest`.
  @inlinable @inline(__always)
  func pop(_ group: Int, packed length: Int) -> Int? {
    pop(at: place(heap: group &<< 1, packed: length))
  }

  @inlinable @inline(__always)
  func pop(at place: Place) -> Int? {
    let left = Int(Int32(bitPattern: words[place.count])) &- 1
    guard _fastPath(left >= 0) else { return nil }
    words[place.count] = UInt32(truncatingIfNeeded: left)
    return Int(truncatingIfNeeded: words[place.frames &+ left])
  }

  /// Puts a frame in; false if the magazine is full.
  @inlinable @inline(__always)
  func push(_ granule: Int, _ group: Int, _ length: Int) -> Bool {
    push(granule, at: place(group, length), depth: depth(for: length))
  }

  /// The same for packed frames of a length up to that of a page; false also if it is too long.
  @inlinable @inline(__always)
  func push(_ granule: Int, heap: Int, packed length: Int) -> Bool {
    push(granule, at: place(heap: heap, packed: length), depth: depth)
  }

  @inlinable @inline(__always)
  func push(_ granule: Int, at place: Place, depth: Int) -> Bool {
    let count = Int(truncatingIfNeeded: words[place.count])
    guard _fastPath(count < depth) else { return false }
    words[place.frames &+ count] = UInt32(truncatingIfNeeded: granule)
    words[place.count] = UInt32(truncatingIfNeeded: count &+ 1)
    return true
  }

  /// Whether a magazine takes frames, as far as it has room.
  func isOpen(_ group: Int, _ length: Int) -> Bool {
    words[place(group, length).count] != Self.closed
  }

  /// Lets a magazine of packed frames take frames, from an allocation of their length on.
  @inline(__always)
  func open(_ group: Int, packed length: Int) {
    let place = place(group, length)
    if words[place.count] == Self.closed { words[place.count] = 0 }
  }

  /// Closes an empty magazine of packed frames.
  func close(_ group: Int, _ length: Int) { words[place(group, length).count] = Self.closed }

  /// Caches frames only while memory is not short.
  mutating func cache(_ isPlenty: Bool) {
    depth = isPlenty ? configuredDepth : 0
    slotDepth = depth * slotFactor
  }

  /// The frame that was put in as number `place` of those there.
  func frame(_ place: Int, _ group: Int, _ length: Int) -> Int {
    Int(words[self.place(group, length).frames + place])
  }

  /// Forgets the `count` frames that were put in first.
  func drop(_ count: Int, _ group: Int, _ length: Int) {
    let place = place(group, length)
    let left = Int(words[place.count]) - count
    for number in 0..<left { words[place.frames + number] = words[place.frames + count + number] }
    words[place.count] = UInt32(left)
  }
}
