/// The network tree allocator as it was published in 2006, written anew from its description.
///
/// A node is a block of pages with a bit per granule that says whether it is free. Free runs stand
/// in an array of lists, one per length. An allocation looks through the lists from its own length
/// on, takes the first run of the first list that has one, and puts the rest back. A release sets
/// the bits, counts the free neighbours on both sides inside the node and puts the merged run at
/// the end of its list: the coldest run goes out first. Whoever releases says the length.
///
/// Faster here than it was: neighbours are counted by word and not bit by bit, and links lie
/// outside of the packets' memory.
struct Tree2006: FrameSource {
  private let free: Cells<UInt64>
  private let next: Cells<UInt32>
  private let previous: Cells<UInt32>
  /// By length: the first and the last run.
  private let heads: Cells<UInt32>
  private let tails: Cells<UInt32>
  private let granuleShift: Int
  /// Granules of a node.
  let nodeGranules: Int
  let nodeCount: Int

  private static let none = UInt32.max

  /// Nodes of 2^`order` pages, granules of 2^`granuleShift` bytes.
  init(nodes: Int, order: Int, granuleShift: Int = 6) {
    nodeCount = nodes
    nodeGranules = (4096 << order) >> granuleShift
    self.granuleShift = granuleShift
    let granules = nodes * nodeGranules
    free = Cells(repeating: ~0, count: granules / 64)
    next = Cells(repeating: Self.none, count: granules)
    previous = Cells(repeating: Self.none, count: granules)
    heads = Cells(repeating: Self.none, count: nodeGranules + 1)
    tails = Cells(repeating: Self.none, count: nodeGranules + 1)
    for node in 0..<nodes { append(node * nodeGranules, length: nodeGranules) }
  }

  /// The frame's number has its first granule above its length.
  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? {
    let wanted = (byteCount &+ (1 &<< granuleShift) &- 1) &>> granuleShift
    var length = wanted
    while length <= nodeGranules {
      let head = heads[length]
      if head != Self.none {
        let first = Int(truncatingIfNeeded: head)
        remove(first, length: length)
        set(first, wanted, free: false)
        if length > wanted { append(first &+ wanted, length: length &- wanted) }
        return UInt64(truncatingIfNeeded: first &<< 20 | wanted)
      }
      length &+= 1
    }
    return nil
  }

  @inline(__always)
  mutating func takeBack(_ frame: UInt64) {
    var first = Int(truncatingIfNeeded: frame &>> 20)
    var length = Int(truncatingIfNeeded: frame) & 0xF_FFFF
    let after = freeAfter(first &+ length)
    let before = freeBefore(first)
    set(first, length, free: true)
    if after != 0 { remove(first &+ length, length: after) }
    if before != 0 {
      first &-= before
      remove(first, length: before)
    }
    length &+= before &+ after
    append(first, length: length)
  }

  /// Nodes that are not wholly free.
  var usedNodeCount: Int {
    let words = nodeGranules / 64
    return (0..<nodeCount).count { node in
      (0..<words).contains { free[node * words + $0] != ~0 }
    }
  }
}

extension Tree2006 {
  @inline(__always)
  private func append(_ first: Int, length: Int) {
    let tail = tails[length]
    let run = UInt32(truncatingIfNeeded: first)
    next[first] = Self.none
    previous[first] = tail
    if tail == Self.none {
      heads[length] = run
    } else {
      next[Int(truncatingIfNeeded: tail)] = run
    }
    tails[length] = run
  }

  @inline(__always)
  private func remove(_ first: Int, length: Int) {
    let (before, after) = (previous[first], next[first])
    if before == Self.none {
      heads[length] = after
    } else {
      next[Int(truncatingIfNeeded: before)] = after
    }
    if after == Self.none {
      tails[length] = before
    } else {
      previous[Int(truncatingIfNeeded: after)] = before
    }
  }

  @inline(__always)
  private func set(_ first: Int, _ count: Int, free isFree: Bool) {
    var granule = first
    let end = first &+ count
    while granule < end {
      let offset = granule & 63
      let taken = min(64 &- offset, end &- granule)
      let bits = ((~0 as UInt64) &>> UInt64(64 &- taken)) &<< UInt64(offset)
      if isFree {
        free[granule &>> 6] |= bits
      } else {
        free[granule &>> 6] &= ~bits
      }
      granule &+= taken
    }
  }

  /// Free granules from `granule` on, inside the node in front of it.
  @inline(__always)
  private func freeAfter(_ granule: Int) -> Int {
    var count = 0
    var place = granule
    while place & (nodeGranules &- 1) != 0 {
      let run = (~(free[place &>> 6] &>> UInt64(place & 63))).trailingZeroBitCount
      let rest = 64 &- place & 63
      if run < rest { return count &+ run }
      count &+= rest
      place &+= rest
    }
    return count
  }

  /// Free granules in front of `granule`, inside its node.
  @inline(__always)
  private func freeBefore(_ granule: Int) -> Int {
    var count = 0
    var place = granule
    while place & (nodeGranules &- 1) != 0 {
      let last = place &- 1
      let offset = last & 63
      let run = (~(free[last &>> 6] &<< UInt64(63 &- offset))).leadingZeroBitCount
      if run <= offset { return count &+ run }
      count &+= offset &+ 1
      place &-= offset &+ 1
    }
    return count
  }
}
