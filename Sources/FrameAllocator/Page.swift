/// What the allocator knows about a page: 64 granules, one bit of each mask per granule.
///
/// | `inside` | `held` | `free` | the granule |
/// |---|---|---|---|
/// | - | - | set | belongs to no frame |
/// | - | set | - | begins a packed frame that the application has |
/// | - | - | - | begins a frame that is elsewhere, as below |
/// | set | - | - | belongs to the frame that begins in front of it |
///
/// Elsewhere: an RX slot, which is in the slot map; a packed frame in flight, which is in the
/// flights; any other is cached in a magazine.
///
/// All of it lies outside of packet memory, which the NIC and other processes write. Here is what a
/// frame on its way to a magazine and back needs, two words and no more: four pages share a cache
/// line, and a release all over a large memory waits for lines. `free` is in a table of its own.
///
/// A frame's length follows from `inside` alone, which such a frame does not change. Only a branch
/// that is foreseen waits for `held`, which it does: the frames of a page come and go one after the
/// other, and each would wait until the word that the last has written can be read.
@frozen @usableFromInline struct Page: BitwiseCopyable {
  /// Granules of frames but for the first of each.
  @usableFromInline var inside: UInt64 = 0
  /// Where packed frames begin that the application has.
  @usableFromInline var held: UInt64 = 0

  /// A page of no frames.
  init() {}

  /// Granules of a page.
  @usableFromInline static var granules: Int { 64 }

  /// Whether a packed frame begins at a granule and the application has it.
  @inlinable @inline(__always)
  func isHeld(at granule: Int) -> Bool {
    held &>> UInt64(truncatingIfNeeded: granule) & 1 == 1
  }

  /// The length of the frame that begins at a granule, at most to the page's end.
  @inlinable @inline(__always)
  func length(at granule: Int) -> Int {
    // What follows the frame's first granule are ones, and behind the page's end come zeros: adding
    // one carries to the frame's end.
    (inside &>> UInt64(truncatingIfNeeded: granule) &+ 2).trailingZeroBitCount
  }
}

/// A node's place in a list of nodes: its neighbours and what list that is, in 64 bits.
struct NodeLink {
  var previous: Int
  var next: Int
  /// A length of the node's list that its longest free run has at least.
  ///
  /// That run, or a little less where lists are of several lengths; 0 if it has none and is in no
  /// list.
  var run: Int

  /// No neighbour; so this many nodes can be told apart.
  static let none = 0xFF_FFFF

  @inline(__always)
  init(previous: Int, next: Int, run: Int) {
    self.previous = previous
    self.next = next
    self.run = run
  }

  @inline(__always)
  init(_ bits: UInt64) {
    previous = Int(truncatingIfNeeded: bits & 0xFF_FFFF)
    next = Int(truncatingIfNeeded: (bits &>> 24) & 0xFF_FFFF)
    run = Int(truncatingIfNeeded: bits &>> 48)
  }

  var bits: UInt64 {
    @inline(__always) get {
      UInt64(truncatingIfNeeded: previous | next &<< 24 | run &<< 48)
    }
  }

  /// Changes the neighbour in front alone.
  @inline(__always)
  static func setPrevious(_ node: Int, in bits: inout UInt64) {
    bits = bits & ~0xFF_FFFF | UInt64(truncatingIfNeeded: node)
  }

  /// Changes the neighbour behind alone.
  @inline(__always)
  static func setNext(_ node: Int, in bits: inout UInt64) {
    bits = bits & ~(0xFF_FFFF &<< 24) | UInt64(truncatingIfNeeded: node) &<< 24
  }

  /// Changes the run alone.
  @inline(__always)
  static func setRun(_ run: Int, in bits: inout UInt64) {
    bits = bits & 0xFFFF_FFFF_FFFF | UInt64(truncatingIfNeeded: run) &<< 48
  }
}
