/// Hands out the frames of a UMEM and knows, for every byte of it, who has it.
///
/// It speaks addresses (offsets into the UMEM), never pointers: it needs no root, no kernel and no
/// packet memory. This version gives every frame a whole chunk; the interface is made for an
/// allocator that packs frames of any length into pages.
///
/// Vocabulary. *Granule*: 64 bytes, the unit of the ledger. *Chunk*: the unit the kernel is told
/// about, a power of two of granules. *Frame*: what `allocate` gives: here one chunk. *Custody*:
/// who has a frame. *Reserve*: chunks that only `.critical` allocations can take. *Owed*: chunks
/// that groups are guaranteed and have not taken yet.
///
/// Invariants, checked by `audit()`:
/// - every chunk has exactly one custody, and `chunks in custody free == freeCount`;
/// - the first `freeCount` places of the stack name each free chunk once;
/// - `used` of a group is the number of its chunks that are not free, and never above its quota;
/// - `owed == sum over groups of max(0, guarantee - used)`;
/// - a normal allocation leaves `freeCount >= reserve + owed` or takes what its group was owed.
@frozen public struct FrameAllocator: ~Copyable {
  /// Per chunk: the custody it is in.
  @usableFromInline var custodies: Table<UInt16>
  /// Per chunk: the flow group of whoever has it; meaningless for a free chunk.
  @usableFromInline var owners: Table<UInt16>
  /// Numbers of free chunks; the last released is the first allocated, its bytes are still in a
  /// cache.
  @usableFromInline var stack: Table<UInt32>
  @usableFromInline var freeCount: Int
  /// Per group; `Group` is three numbers, in chunks.
  @usableFromInline var groups: Table<Group>
  @usableFromInline var owed: Int
  @usableFromInline let reserve: Int
  @usableFromInline let chunkShift: UInt64
  @usableFromInline let baseMask: UInt64

  /// Bytes of a granule, the unit of the ledger.
  public static let granule = 64

  @frozen @usableFromInline struct Group: BitwiseCopyable {
    @usableFromInline var used: Int
    @usableFromInline var guarantee: Int
    @usableFromInline var quota: Int
    @inlinable init(used: Int, guarantee: Int, quota: Int) {
      self.used = used
      self.guarantee = guarantee
      self.quota = quota
    }
  }

  /// An allocator over the memory that `configuration` describes, all of it free.
  ///
  /// Fails if the reserve and the guarantees cannot be kept. Allocates its tables here and nothing
  /// later.
  public init(_ configuration: Configuration) throws(FrameAllocatorError) {
    let plan = try configuration.validated()
    custodies = Table(repeating: Custody.free.rawValue, count: plan.chunkCount)
    owners = Table(repeating: 0, count: plan.chunkCount)
    stack = Table(repeating: 0, count: plan.chunkCount)
    groups = Table(repeating: Group(used: 0, guarantee: 0, quota: 0), count: plan.groups.count)
    freeCount = plan.chunkCount
    owed = plan.owed
    reserve = plan.reserve
    chunkShift = UInt64(configuration.chunkSize.trailingZeroBitCount)
    baseMask = ~UInt64(configuration.chunkSize - 1)
    for (index, group) in plan.groups.enumerated() { groups[index] = group }
    // Lowest addresses on top: a lightly loaded engine touches the first pages only.
    for index in 0..<plan.chunkCount { stack[index] = UInt32(plan.chunkCount - 1 - index) }
  }
}

extension FrameAllocator {
  /// Bytes of a chunk.
  @inlinable public var chunkSize: Int {
    @inline(__always) get { Int(truncatingIfNeeded: ~baseMask) &+ 1 }
  }

  /// Number of chunks.
  public var chunkCount: Int { custodies.count }

  /// Bytes of the largest frame that `allocate` can give.
  public var maximumFrame: Int { chunkSize }

  /// The number of the chunk that the byte at `address` lies in, or nil outside the memory.
  @inlinable @inline(__always)
  func chunk(at address: UInt64) -> Int? {
    let number = Int(truncatingIfNeeded: address &>> chunkShift)
    return UInt(bitPattern: number) < UInt(bitPattern: custodies.count) ? number : nil
  }

  /// The first byte of the frame that the byte at `address` lies in.
  @inlinable @inline(__always)
  public func base(of address: UInt64) -> UInt64 {
    address & baseMask
  }

  /// Whether `extent` bytes from `address` on lie in one frame, wherever that is.
  ///
  /// For the descriptors that come back from the kernel: their options stand above the length and
  /// make an extent that no frame has.
  @inlinable @inline(__always)
  public func holds(_ address: UInt64, extent: UInt64) -> Bool {
    extent <= ~baseMask &+ 1 &- (address & ~baseMask)
  }

  /// Granules of the frame that the byte at `address` lies in; 0 outside the memory.
  public func granuleCount(at address: UInt64) -> Int {
    chunk(at: address) == nil ? 0 : chunkSize / Self.granule
  }

  /// Who has the byte at `address`; nil outside the memory.
  public func custody(of address: UInt64) -> Custody? {
    chunk(at: address).map { Custody(rawValue: custodies[$0]) }
  }
}
