/// What the allocator knows about a page: 64 granules, one bit of each mask per granule.
///
/// A used run begins with a bit in `starts`, in `marks` or in both, and they say what it is:
///
/// | `starts` | `marks` | the run is |
/// |---|---|---|
/// | set | - | a packed frame that the application has |
/// | set | set | a packed frame cached in a magazine |
/// | - | set | an RX slot, or a packed frame in flight: the slot map or the flights say more |
///
/// All of it lies outside of packet memory, which the NIC and other processes write.
@frozen @usableFromInline struct Page: BitwiseCopyable {
  /// Granules that belong to no run.
  @usableFromInline var free: UInt64
  @usableFromInline var starts: UInt64
  @usableFromInline var marks: UInt64
  /// A node's place in a list, in its first page; in the others, its tree of free runs.
  @usableFromInline var link: UInt64

  /// Granules of a page.
  @usableFromInline static var granules: Int { 64 }

  /// Where runs begin.
  @inlinable var heads: UInt64 {
    @inline(__always) get { starts | marks }
  }

  /// Whether nothing of the page is in use.
  var isWhole: Bool { free == ~0 }
}

/// A node's place in a list of nodes: its neighbours and the list's number, in 64 bits.
struct NodeLink {
  var previous: Int
  var next: Int
  var bin: Int

  /// No neighbour; so this many nodes can be told apart.
  static let none = 0xFF_FFFF
  /// In no list.
  static let noBin = 0xFFFF

  @inline(__always)
  init(previous: Int, next: Int, bin: Int) {
    self.previous = previous
    self.next = next
    self.bin = bin
  }

  @inline(__always)
  init(_ bits: UInt64) {
    previous = Int(truncatingIfNeeded: bits & 0xFF_FFFF)
    next = Int(truncatingIfNeeded: (bits &>> 24) & 0xFF_FFFF)
    bin = Int(truncatingIfNeeded: bits &>> 48)
  }

  var bits: UInt64 {
    @inline(__always) get {
      UInt64(truncatingIfNeeded: previous | next &<< 24 | bin &<< 48)
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
}
