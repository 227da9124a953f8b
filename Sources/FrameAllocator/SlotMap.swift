/// Where the RX slots are and who has each: one entry per chunk-sized window of the memory.
///
/// A slot is as long as a window, so at most one begins in each, wherever slots lie. An entry
/// says the slot's custody and at which granule of the window it begins. Every worker writes the
/// entries of the frames it has, so a slot may change workers without its owner.
///
/// Where slots lie anywhere, whoever looks for the slot around an address also reads the entry of a
/// neighbour, which may be another worker's and change meanwhile. So the entries are atomic, and a
/// slot's start is written before the custody that says there is one: whoever sees a slot appear
/// beside a frame of its own never takes it for one that covers the frame. An address that names a
/// slot's own window, as the kernel gives back what it was given, needs none of this; of a kernel
/// that names another worker's the entry is read and found to be no match, whatever it says.
///
/// A view, as the tables are: a loop may take a copy, whose parts then stay in registers.
@frozen public struct SlotMap: Sendable {
  /// By window: who has the slot that begins there, 0 where none does, and at which granule.
  @usableFromInline let entries: SlotTable
  @usableFromInline let chunkShift: UInt64
  /// The bits of an address that tell its window.
  @usableFromInline let baseMask: UInt64
  /// The bits of an address that tell the byte of its window.
  @usableFromInline let chunkMask: UInt64
  /// Windows whose slots begin where they do: all, or none where slots begin at any granule.
  ///
  /// So one comparison says that an address lies in the memory and in its window's slot.
  @usableFromInline let alignedCount: Int
  /// All of them where the kernel was told that slots may begin anywhere, else none.
  @usableFromInline let unalignedCount: Int
  /// Windows that the lower 48 bits of an address can name, less one.
  @usableFromInline let windowMask: Int
  /// Whether the kernel was told that slots may begin anywhere.
  @inlinable public var takesOffsets: Bool {
    @inline(__always) get { unalignedCount != 0 }
  }

  init(entries: SlotTable, chunkSize: Int, isUnaligned: Bool) {
    self.entries = entries
    chunkShift = UInt64(chunkSize.trailingZeroBitCount)
    chunkMask = UInt64(chunkSize - 1)
    baseMask = ~chunkMask
    unalignedCount = isUnaligned ? entries.count : 0
    windowMask = 1 << (48 - chunkSize.trailingZeroBitCount) - 1
    // A slot as long as a page has one place in it.
    alignedCount = isUnaligned && chunkSize < 4096 ? 0 : entries.count
  }

  /// Whether slots begin at any granule of their window.
  @inlinable public var isUnaligned: Bool {
    @inline(__always) get { alignedCount == 0 }
  }

  /// Bytes of a slot.
  @inlinable public var chunkSize: Int {
    @inline(__always) get { Int(truncatingIfNeeded: ~baseMask) &+ 1 }
  }

  /// Granules of a slot.
  var granules: Int { chunkSize >> 6 }

  /// The window that an address lies in, wherever that is.
  @inlinable @inline(__always)
  func window(at address: UInt64) -> Int { Int(truncatingIfNeeded: address &>> chunkShift) }

  /// The granule of its window that an address names.
  @inlinable @inline(__always)
  func start(of address: UInt64) -> UInt64 { (address & chunkMask) &>> 6 }

  /// The window of the slot that a granule lies in, given that it lies in one.
  @inline(__always)
  func window(ofSlotWith granule: Int) -> Int? {
    let window = window(ofGranule: granule)
    if entries.acquiredCustody(window) != 0, base(ofSlotIn: window) <= granule { return window }
    guard window > 0, entries.acquiredCustody(window - 1) != 0,
      base(ofSlotIn: window - 1) + granules > granule
    else { return nil }
    return window - 1
  }

  /// The window that a granule lies in.
  @inlinable @inline(__always)
  func window(ofGranule granule: Int) -> Int {
    granule &>> (Int(truncatingIfNeeded: chunkShift) &- 6)
  }

  /// First granule of the slot that begins in a window.
  @inlinable @inline(__always)
  func base(ofSlotIn window: Int) -> Int {
    firstGranule(of: window) &+ Int(entries[startIn: window])
  }

  /// First granule of a window, and of its slot where those are aligned.
  @inlinable @inline(__always)
  func firstGranule(of window: Int) -> Int {
    window &<< (Int(truncatingIfNeeded: chunkShift) &- 6)
  }

  /// The custody of the slot that begins in a window; nil if none does.
  @usableFromInline func custody(ofSlotIn window: Int) -> Custody? {
    let custody = entries[custodyIn: window]
    return custody == 0 ? nil : Custody(rawValue: custody)
  }

  /// Notes that a slot begins at a granule, in a custody.
  func set(_ custody: Custody, at granule: Int) {
    let window = window(ofGranule: granule)
    let start = start(of: UInt64(truncatingIfNeeded: granule) << 6)
    entries[startIn: window] = UInt8(truncatingIfNeeded: start)
    entries.publish(custody.rawValue, at: window)
  }

  /// Forgets the slot that begins at a granule.
  func clear(at granule: Int) { entries[custodyIn: window(ofGranule: granule)] = 0 }
}

extension SlotMap {
  /// A slot whose custody was checked: what `move` needs to change it without a second look.
  @frozen public struct Place: Hashable, Sendable {
    /// The number of the slot's window: what a token can keep of the place.
    public let window: Int

    /// The place with a number that was a place's.
    @inlinable @inline(__always)
    public init(window: Int) { self.window = window }
  }

  /// Whether the byte at `address` lies in a window where an aligned slot may begin.
  @inlinable @inline(__always)
  public func covers(_ address: UInt64) -> Bool {
    UInt(bitPattern: window(at: address)) < UInt(bitPattern: alignedCount)
  }

  /// The place of the aligned slot that the byte at `address` lies in, if it is in custody
  /// `custody`; else nil, as always in unaligned memory.
  ///
  /// This is the check on whatever comes back from the kernel: a received descriptor is believed
  /// only if that very queue was given that slot. For loops that look at a frame between the check
  /// and the move; nobody else may touch the frame in between.
  @inlinable @inline(__always)
  public func place(of address: UInt64, in custody: Custody) -> Place? {
    let window = window(at: address)
    guard _fastPath(covers(address)),
      _fastPath(entries.ownCustody(window) == custody.rawValue)
    else { return nil }
    return Place(window: window)
  }

  /// The place of the slot that begins at `base`, wherever slots may begin, if it is in custody
  /// `custody`.
  @inlinable @inline(__always)
  public func place(ofSlotAt base: UInt64, in custody: Custody) -> Place? {
    let window = window(at: base)
    guard UInt(bitPattern: window) < UInt(bitPattern: entries.count),
      entries.own(window) == SlotTable.both(custody, start: start(of: base))
    else { return nil }
    return Place(window: window)
  }

  /// A packet that lies in a slot.
  @frozen public struct Received: Sendable {
    /// The slot.
    public let place: Place
    /// Where the packet begins.
    public let address: UInt64

    @inlinable @inline(__always)
    init(place: Place, address: UInt64) {
      self.place = place
      self.address = address
    }
  }

  /// The packet of `extent` bytes that a received descriptor names in aligned memory, if its slot
  /// is in custody `custody` and it ends there.
  ///
  /// Nil as well where the kernel was told that slots may begin anywhere, but for slots of a page
  /// whose packets begin with them: that is `packet(anywhere:)`.
  @inlinable @inline(__always)
  public func packet(at address: UInt64, extent: UInt64, in custody: Custody) -> Received? {
    guard let place = place(of: address, in: custody), _fastPath(holds(address, extent: extent))
    else {
      return nil
    }
    return Received(place: place, address: address)
  }

  /// The same for loops, which leave the packet that ends just where its slot does to
  /// `packet(at:)`: so the check is a sum and its carry.
  @inlinable @inline(__always)
  public func packet(inside address: UInt64, extent: UInt64, in custody: Custody) -> Received? {
    guard let place = place(of: address, in: custody),
      // With every bit above the slot set, the sum overflows at the slot's end.
      _fastPath(!(address | baseMask).addingReportingOverflow(extent).overflow)
    else { return nil }
    return Received(place: place, address: address)
  }

  /// The place of the slot that the byte at `address` lies in, given that it lies in one; nil if it
  /// does not, or the application does not have that slot.
  public func applicationPlace(of address: UInt64) -> Place? {
    let granule = Int(truncatingIfNeeded: address &>> 6)
    guard window(ofGranule: granule) < entries.count,
      let window = window(ofSlotWith: granule),
      custody(ofSlotIn: window)?.isWithApplication == true
    else { return nil }
    return Place(window: window)
  }

  /// The place of the slot that begins at `base`; the caller knows that one does.
  @inlinable @inline(__always)
  public func place(ofSlotAt base: UInt64) -> Place { Place(window: window(at: base)) }

  /// Moves the slot at `place` from the custody it is in to another; neither may be `.free`.
  ///
  /// One store: who found the place vouches for `from`.
  @inlinable @inline(__always)
  public func move(_ place: Place, from: Custody, to: Custody) {
    assert(
      custody(ofSlotIn: place.window) == from && from != .free && to != .free,
      "the frame changed hands since it was looked at")
    entries[custodyIn: place.window] = to.rawValue
  }

  /// Moves the slot at `place`, which the application has, to another custody but `.free`.
  ///
  /// One store: a token that cannot be spent twice vouches for it.
  @inlinable @inline(__always)
  public func moveFromApplication(_ place: Place, to: Custody) {
    assert(
      custody(ofSlotIn: place.window)?.isWithApplication == true && to != .free,
      "a frame was spent that the application does not have")
    entries[custodyIn: place.window] = to.rawValue
  }

  /// First byte of the slot at `place`, wherever slots may begin.
  @inlinable @inline(__always)
  public func base(of place: Place) -> UInt64 {
    UInt64(truncatingIfNeeded: base(ofSlotIn: place.window)) &<< 6
  }

  /// First byte of the slot at `place`, in which `address` lies: cheaper where slots are aligned.
  @inlinable @inline(__always)
  public func base(of place: Place, with address: UInt64) -> UInt64 {
    _fastPath(!isUnaligned) ? base(of: address) : base(of: place)
  }

  /// The first byte of the slot that the byte at `address` lies in, where slots are aligned.
  @inlinable @inline(__always)
  public func base(of address: UInt64) -> UInt64 { address & baseMask }

  /// Whether `extent` bytes from `address` on lie in one aligned slot, wherever that is.
  ///
  /// For the descriptors that come back from the kernel: their options stand above the length and
  /// make an extent that no frame has.
  @inlinable @inline(__always)
  public func holds(_ address: UInt64, extent: UInt64) -> Bool {
    extent <= ~baseMask &+ 1 &- (address & ~baseMask)
  }
}
