/// Memory for packets: sealed memfds, mapped to read and write back to back, every page present.
///
/// Sealed means that whoever is given the file can map it read-only and nothing else: it can
/// neither be written, nor truncated under the owner's feet (`F_SEAL_SHRINK`, `F_SEAL_GROW`,
/// `F_SEAL_FUTURE_WRITE`, set after the owner's own mapping was made). The memory goes when the
/// value goes.
public struct MemoryRegion: ~Copyable, Sendable {
  private let backing: SealedMemory
  /// What the memory was got from, which may be less than what was asked for; see `fallback`.
  public let pages: PageKind
  /// Why `pages` is not what was asked for; nil if it is.
  public let fallback: String?

  /// Bytes of memory: what was asked for, rounded up to whole pages.
  public var byteCount: Int { backing.memory.byteCount }

  /// The sealed memfd of the first part, for handing the memory to a process that may read it.
  ///
  /// The region owns it.
  public var fileDescriptor: Int32 { backing.files[0].file.value }

  /// The parts that the memory is glued from, in order.
  var files: [PartFile] { backing.files }

  /// Makes a region of at least `byteCount` bytes and populates it.
  ///
  /// Where huge pages cannot be had the region has small ones and says why. Before a page is
  /// touched the size is compared with what the machine and the control group have left: throws
  /// `.memoryLimit` where the kernel would kill the process instead. Costs 2 ms a MiB; collapsing,
  /// 8 ms a MiB.
  public init(byteCount: Int, pages: PageKind = .small) throws(XDPError) {
    try self.init([MemoryPart(byteCount: byteCount)], pages: pages)
  }

  /// The same, glued from `parts`, each a sealed memfd of its own: one stretch of addresses, of
  /// which other processes can be given one part or the other.
  ///
  /// If there are several, each has to be whole pages, of the kind that is asked for.
  public init(_ parts: [MemoryPart], pages: PageKind = .small) throws(XDPError) {
    let byteCount = parts.reduce(0) { $0 + $1.byteCount }
    let pageSize = pages == .small ? smallPageSize : hugePageSize
    guard parts.count < 2 || parts.allSatisfy({ $0.byteCount % pageSize == 0 }) else {
      throw XDPError(
        .configuration, operation: "reserve \(byteCount) bytes of packet memory",
        reason: "a part of it does not end at a page of \(pageSize) bytes",
        remedy: "make the memory and each arena a multiple of that")
    }
    guard parts.allSatisfy({ $0.byteCount > 0 }), byteCount > 0, byteCount <= 1 << 40 else {
      throw XDPError(
        .configuration, operation: "reserve \(byteCount) bytes of packet memory",
        reason: "that is not a size", remedy: "ask for 1 byte to 1 TiB")
    }
    var refusal: String?
    if pages == .huge {
      do throws(XDPError) {
        let backing = try SealedMemory(parts, alignment: hugePageSize, isHuge: true)
        self.init(backing, .huge, nil)
        return
      } catch {
        refusal = "\(error.reason); \(error.remedy)"
      }
    }
    // Huge pages were set aside before; all others have to be there.
    try MemoryLimit().admit(byteCount)
    let alignment = pages == .transparentHuge ? hugePageSize : smallPageSize
    let backing = try SealedMemory(parts, alignment: alignment, isHuge: false)
    if pages == .transparentHuge, let errno = backing.memory.collapse() {
      refusal = "the kernel does not collapse pages here (\(errno))"
    }
    self.init(backing, refusal == nil ? pages : .small, refusal)
  }

  private init(_ backing: consuming SealedMemory, _ pages: PageKind, _ fallback: String?) {
    self.backing = backing
    self.pages = pages
    self.fallback = fallback
  }

  /// The first byte of the memory.
  ///
  /// Whoever holds on to it keeps the region alive.
  @unsafe var base: UnsafeMutableRawPointer { unsafe backing.memory.base }
}
