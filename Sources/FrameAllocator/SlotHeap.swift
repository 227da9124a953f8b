/// The slots of one worker's normal nodes of one group.
///
/// A view, as the tables are: a loop may take a copy, whose parts then stay in registers.
@frozen public struct SlotHeap: Sendable {
  @usableFromInline let owners: SharedTable
  /// What `owners` says of the heap's nodes.
  @usableFromInline let owner: UInt32

  @inlinable @inline(__always)
  init(owners: SharedTable, owner: UInt32) {
    self.owners = owners
    self.owner = owner
  }

  /// Whether the slot that begins at `base` is one of them.
  ///
  /// For whoever has the slot: until it is released its node does not change hands.
  @inlinable @inline(__always)
  func contains(_ base: UInt64) -> Bool {
    UInt32(owners[Int(truncatingIfNeeded: base &>> 12)]) == owner
  }
}

extension SlotMap {
  /// A slot that an address was looked up for.
  public typealias Found = (place: Place, base: UInt64)

  /// The aligned slot that the byte at `address` lies in, and its first byte, if it is in custody
  /// `custody`.
  @inlinable @inline(__always)
  public func slot(aligned address: UInt64, in custody: Custody) -> Found? {
    guard let place = place(of: address, in: custody) else { return nil }
    return (place, base(of: address))
  }

  /// The same, if the slot is one of `heap`.
  @inlinable @inline(__always)
  public func slot(aligned address: UInt64, in custody: Custody, of heap: SlotHeap) -> Found? {
    guard let found = slot(aligned: address, in: custody), heap.contains(found.base) else {
      return nil
    }
    return found
  }

  /// What `slot(anywhere:in:)` finds, if the slot is one of `heap`.
  @inlinable @inline(__always)
  public func slot(anywhere address: UInt64, in custody: Custody, of heap: SlotHeap) -> Found? {
    guard let found = slot(anywhere: address, in: custody), heap.contains(found.base) else {
      return nil
    }
    return found
  }
}
