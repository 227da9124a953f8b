/// What the allocator knows about a page: 64 granules, one bit of each mask per granule.
///
/// | `heads` | `marks` | the granule |
/// |---|---|---|
/// | - | set | is free |
/// | set | - | begins a packed frame that the application has |
/// | set | set | begins a frame that is elsewhere, as below |
/// | - | - | belongs to the frame that begins in front of it |
///
/// Elsewhere: an RX slot, which is in the slot map; a packed frame in flight, which is in the
/// flights; any other is cached in a magazine.
///
/// All of it lies outside of packet memory, which the NIC and other processes write. Two words and
/// no more: four pages share a cache line, and a release all over a large memory waits for lines.
///
/// Both are stored inverted. Then the granules that follow a head in its frame are ones in both
/// words, and behind the page's end come zeros: adding one at the head carries to the frame's end.
@frozen @usableFromInline struct Page: BitwiseCopyable {
  /// The bits that are not set in `heads` and in `marks`.
  @usableFromInline var notHeads: UInt64
  @usableFromInline var notMarks: UInt64

  @inline(__always)
  init(heads: UInt64, marks: UInt64) {
    notHeads = ~heads
    notMarks = ~marks
  }

  /// Granules of a page.
  @usableFromInline static var granules: Int { 64 }

  var heads: UInt64 {
    @inline(__always) get { ~notHeads }
    @inline(__always) set { notHeads = ~newValue }
  }

  var marks: UInt64 {
    @inline(__always) get { ~notMarks }
    @inline(__always) set { notMarks = ~newValue }
  }

  /// Granules that belong to no frame.
  var free: UInt64 {
    @inline(__always) get { notHeads & ~notMarks }
  }

  /// Where packed frames begin that the application has.
  var held: UInt64 {
    @inline(__always) get { notMarks & ~notHeads }
  }

  /// Where frames end: at the next head or free granule.
  var stops: UInt64 {
    @inline(__always) get { ~(notHeads & notMarks) }
  }

  /// The length of the packed frame that begins at a granule, if the application has it; else 0.
  ///
  /// At most to the page's end.
  @inlinable @inline(__always)
  func heldLength(at granule: Int) -> Int {
    let place = UInt64(truncatingIfNeeded: granule)
    let following = (notHeads & notMarks) &>> place
    guard notMarks &>> place & 1 == 1, following & 1 == 0 else { return 0 }
    return (following &+ 2).trailingZeroBitCount
  }

  /// Whether nothing of the page is in use.
  var isWhole: Bool { free == ~0 }
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
