/// Frames of one worker that are ready to be given again, by flow group and length.
///
/// A magazine is a stack: the frame released last, still warm, goes first. Only frames of normal
/// nodes are cached. Bounded, and emptied when an allocation finds nothing: a cache never pins
/// memory.
@frozen @usableFromInline struct Magazines {
  /// Per magazine: how many frames are in it, then those, by their first granules.
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
  /// Words of a magazine of packed frames.
  @inlinable static var stride: Int { capacity &+ 1 }
  /// Words of a group's magazines: that of its slots, then one per length.
  @inlinable static var wordsPerGroup: Int { 2 &* wordsPerHeap }
  /// The same by heap, of which every second has magazines: whoever knows the heap need not divide.
  @inlinable static var wordsPerHeap: Int {
    (1 &+ slotFactor &* capacity &+ longest &* stride &+ 1) / 2
  }
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
      for length in 1...Self.longest { words[start(group, length)] = Self.closed }
    }
  }

  /// Most frames in a group's magazine for a length; length 0 means RX slots.
  @inlinable @inline(__always)
  func depth(for length: Int) -> Int { length == 0 ? slotDepth : depth }

  /// Where a group's magazine for packed frames of a length begins.
  @inlinable @inline(__always)
  func start(_ group: Int, packed length: Int) -> Int { start(heap: group &<< 1, packed: length) }

  /// The same for a heap of normal nodes.
  @inlinable @inline(__always)
  func start(heap: Int, packed length: Int) -> Int {
    heap &* Magazines.wordsPerHeap &+ length &* Magazines.stride
      &+ (1 &+ Magazines.slotFactor &* Magazines.capacity &- Magazines.stride)
  }

  /// Where a group's magazine for a length begins; length 0 means RX slots.
  @inlinable @inline(__always)
  func start(_ group: Int, _ length: Int) -> Int {
    length == 0 ? group &* Magazines.wordsPerGroup : start(group, packed: length)
  }

  /// Frames in a group's magazine for a length.
  @inlinable @inline(__always)
  func count(_ group: Int, _ length: Int) -> Int {
    max(0, Int(Int32(bitPattern: words[start(group, length)])))
  }

  /// Takes the last frame out, as the number of its first granule.
  @inlinable @inline(__always)
  func pop(_ group: Int, _ length: Int) -> Int? { pop(at: start(group, length)) }

  /// The same for packed frames.
  @inlinable @inline(__always)
  func pop(_ group: Int, packed length: Int) -> Int? { pop(at: start(group, packed: length)) }

  @inlinable @inline(__always)
  func pop(at start: Int) -> Int? {
    let count = words[start]
    guard Int32(bitPattern: count) > 0 else { return nil }
    words[start] = count &- 1
    return Int(truncatingIfNeeded: words[start &+ Int(truncatingIfNeeded: count)])
  }

  /// Puts a frame in; false if the magazine is full.
  @inlinable @inline(__always)
  func push(_ granule: Int, _ group: Int, _ length: Int) -> Bool {
    push(granule, at: start(group, length), depth: depth(for: length))
  }

  /// The same for packed frames; false also if it is too long.
  @inlinable @inline(__always)
  func push(_ granule: Int, heap: Int, packed length: Int) -> Bool {
    length <= Magazines.longest
      && push(granule, at: start(heap: heap, packed: length), depth: depth)
  }

  @inlinable @inline(__always)
  func push(_ granule: Int, at start: Int, depth: Int) -> Bool {
    let count = words[start]
    guard Int(truncatingIfNeeded: count) < depth else { return false }
    words[start] = count &+ 1
    words[start &+ 1 &+ Int(truncatingIfNeeded: count)] = UInt32(truncatingIfNeeded: granule)
    return true
  }

  /// Whether a magazine takes frames, as far as it has room.
  func isOpen(_ group: Int, _ length: Int) -> Bool { words[start(group, length)] != Self.closed }

  /// Lets a magazine of packed frames take frames, from an allocation of their length on.
  @inline(__always)
  func open(_ group: Int, packed length: Int) {
    let start = start(group, packed: length)
    if words[start] == Self.closed { words[start] = 0 }
  }

  /// Closes an empty magazine of packed frames.
  func close(_ group: Int, _ length: Int) { words[start(group, length)] = Self.closed }

  /// Caches frames only while memory is not short.
  mutating func cache(_ isPlenty: Bool) {
    depth = isPlenty ? configuredDepth : 0
    slotDepth = depth * slotFactor
  }

  /// The frame that was put in as number `place` of those there.
  func frame(_ place: Int, _ group: Int, _ length: Int) -> Int {
    Int(words[start(group, length) + 1 + place])
  }

  /// Forgets the `count` frames that were put in first.
  func drop(_ count: Int, _ group: Int, _ length: Int) {
    let start = start(group, length)
    let left = Int(words[start]) - count
    for place in 0..<left { words[start + 1 + place] = words[start + 1 + count + place] }
    words[start] = UInt32(left)
  }
}
