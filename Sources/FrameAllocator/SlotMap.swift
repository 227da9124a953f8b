/// Where the RX slots are and who has each: an entry per chunk-sized window of the memory.
///
/// A slot is as long as a window, so at most one begins in each, wherever slots lie. The entry says
/// at which granule of the window, and the slot's custody; 0 where no slot begins. Every worker
/// writes the entries of the frames it has, so a slot may change workers without its owner.
@frozen @usableFromInline struct SlotMap: Sendable {
  @usableFromInline let entries: Table<UInt16>
  @usableFromInline let chunkShift: UInt64
  /// Whether slots begin at any granule of their window.
  @usableFromInline let isUnaligned: Bool
  /// The bits of an address that tell its window.
  @usableFromInline let baseMask: UInt64

  init(entries: Table<UInt16>, chunkSize: Int, isUnaligned: Bool) {
    self.entries = entries
    chunkShift = UInt64(chunkSize.trailingZeroBitCount)
    baseMask = ~UInt64(chunkSize - 1)
    self.isUnaligned = isUnaligned && chunkSize < 4096
  }

  /// Bytes of a slot.
  @inlinable var chunkSize: Int {
    @inline(__always) get { Int(truncatingIfNeeded: ~baseMask) &+ 1 }
  }

  /// Granules of a slot.
  var granules: Int { chunkSize >> 6 }

  /// The window that an address lies in, or nil outside the memory.
  @inlinable @inline(__always)
  func window(of address: UInt64) -> Int? {
    let window = Int(truncatingIfNeeded: address &>> chunkShift)
    return UInt(bitPattern: window) < UInt(bitPattern: entries.count) ? window : nil
  }

  /// How an entry differs from the custody: not at all where slots are aligned, else in the highest
  /// bit and in the lowest five, which say at which granule of its window the slot begins.
  ///
  /// So the entry of an aligned slot is its custody, and one comparison tells it.
  @inlinable @inline(__always)
  func place(of base: UInt64) -> UInt16 {
    isUnaligned ? 0x8000 | (UInt16(truncatingIfNeeded: base &>> 6) & 31) : 0
  }

  /// The window of the slot that a granule lies in, given that it lies in one.
  func window(ofSlotWith granule: Int) -> Int? {
    let shift = Int(chunkShift) - 6
    let window = granule >> shift
    if entries[window] != 0, Int(entries[window] & 31) <= granule - window << shift {
      return window
    }
    guard window > 0, entries[window - 1] != 0,
      base(ofSlotIn: window - 1) + granules > granule
    else { return nil }
    return window - 1
  }

  /// First granule of the slot that begins in a window.
  func base(ofSlotIn window: Int) -> Int {
    window << (Int(chunkShift) - 6) + Int(entries[window] & 31)
  }

  /// The custody of the slot that begins in a window; nil if none does.
  func custody(ofSlotIn window: Int) -> Custody? {
    let entry = entries[window]
    return entry == 0 ? nil : Custody(rawValue: (entry | 0x8000) & ~31)
  }

  /// Notes that a slot begins at a granule, in a custody.
  func set(_ custody: Custody, at granule: Int) {
    entries[granule >> (Int(chunkShift) - 6)] =
      custody.rawValue ^ place(of: UInt64(truncatingIfNeeded: granule) << 6)
  }

  /// Forgets the slot that begins at a granule.
  func clear(at granule: Int) {
    entries[granule >> (Int(chunkShift) - 6)] = 0
  }
}
