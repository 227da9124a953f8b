internal import FrameAllocator
internal import XSK

/// One piece of a packet.
@frozen @usableFromInline struct Fragment: BitwiseCopyable, Sendable {
  @usableFromInline let address: UInt64
  @usableFromInline let count: UInt32
  @inlinable @inline(__always)
  init(address: UInt64, count: UInt32) {
    self.address = address
    self.count = count
  }
}

/// How the fragments of jumbo packets hang together, out of band: by slot, which fragment comes
/// after the one in it.
///
/// Engines without multi-buffer have an empty table; those that share their memory share it, so a
/// jumbo packet may go from one to another.
@usableFromInline struct FragmentTable: Sendable {
  private let followers: SharedValues<Fragment>

  /// A table for `slotCount` slots; 0 means no multi-buffer packets.
  init(slotCount: Int) {
    followers = SharedValues(repeating: Fragment(address: 0, count: 0), count: slotCount)
  }

  /// Whether packets of several fragments can be described.
  var isEnabled: Bool { followers.count != 0 }

  /// The fragment after the one in the slot at `place`, which is not the last.
  func follower(of place: SlotMap.Place) -> Fragment { followers[place.window] }

  /// Notes that the packet goes on behind the fragment in the slot at `place`.
  func connect(_ place: SlotMap.Place, to next: Fragment) { followers[place.window] = next }
}
