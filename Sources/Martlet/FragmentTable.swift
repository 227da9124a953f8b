public import BasicContainers

/// One piece of a packet.
@frozen @usableFromInline struct Fragment: BitwiseCopyable {
  @usableFromInline let address: UInt64
  @usableFromInline let count: UInt32
  @inlinable @inline(__always)
  init(address: UInt64, count: UInt32) {
    self.address = address
    self.count = count
  }
}

/// How the fragments of jumbo packets hang together, out of band: per chunk, how many bytes of it
/// the packet has and which fragment comes next.
///
/// Engines without multi-buffer have an empty table.
@usableFromInline struct FragmentTable: ~Copyable {
  @usableFromInline struct Link: BitwiseCopyable {
    @usableFromInline var count: UInt32 = 0
    @usableFromInline var next = Fragment(address: 0, count: 0)
  }

  @usableFromInline var links: RigidArray<Link>
  let chunkShift: UInt64

  /// A table for `chunkCount` chunks of `chunkSize` bytes; 0 chunks means no multi-buffer packets.
  init(chunkCount: Int, chunkSize: Int) {
    links = RigidArray(capacity: chunkCount)
    for _ in 0..<chunkCount { links.append(Link()) }
    chunkShift = UInt64(chunkSize.trailingZeroBitCount)
  }

  /// Whether packets of several fragments can be described.
  var isEnabled: Bool { links.count != 0 }

  /// The fragment after the one at `address`.
  @usableFromInline func next(after address: UInt64) -> Fragment {
    links[place(of: address)].next
  }

  /// Notes that the packet goes on behind `fragment` with `next`.
  mutating func connect(_ fragment: Fragment, to next: Fragment) {
    links[place(of: fragment.address)] = Link(count: fragment.count, next: next)
  }

  private func place(of address: UInt64) -> Int {
    Int(truncatingIfNeeded: address &>> chunkShift)
  }
}
