internal import CXDP
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// The memory of a channel between two processes: two rings, one each way, and who sleeps.
///
/// | bytes | what | who writes |
/// |---|---|---|
/// | 0, 256 | how many entries were put | the owner; the peer |
/// | 128, 384 | how many entries were taken | the peer; the owner |
/// | 512, 640 | whether it sleeps | the owner and, to wake it, the peer; the other way round |
/// | 516, 644 | up to where it sleeps: how many entries will have been put | the owner; the peer |
/// | 768 | whether all is over | the owner |
/// | 4,096 on | entries to the peer, then those from it | the owner; the peer |
///
/// A memfd that nobody can truncate or grow. Both map all of it to write, so neither end reads back
/// what it wrote.
@safe public final class ChannelMemory: @unchecked Sendable {
  private let memory: MappedMemory
  private let file: OwnedDescriptor
  /// Entries of each ring, a power of two.
  public let size: UInt32

  /// Which process's end.
  public enum End: Sendable {
    /// The one that made the memory.
    case owner
    /// The one that was given it.
    case peer
  }

  /// Fresh memory for two rings of `size` entries, a power of two up to 65,536.
  public init(size: UInt32) throws(XDPError) {
    let operation = "make a channel of \(size) entries"
    guard size.nonzeroBitCount == 1, size <= 1 << 16 else {
      throw XDPError(
        .configuration, operation: operation, reason: "that is not a size of a ring",
        remedy: "choose a power of two up to 65536")
    }
    let byteCount = Self.byteCount(size)
    guard let file = OwnedDescriptor(SealedMemory.makeFile(isHuge: false)),
      ftruncate(file.value, byteCount) == 0,
      let memory = MappedMemory(file, byteCount: byteCount, isWritable: true)
    else { throw SealedMemory.refused(operation, "memfd", Errno(rawValue: errno)) }
    if let failure = memory.populate() { throw SealedMemory.refused(operation, "madvise", failure) }
    try SealedMemory.seal(file, .writable, operation)
    self.memory = memory
    self.file = file
    self.size = size
  }

  /// The memory that another process made and gave with its file.
  ///
  /// Throws if the file is smaller than two rings of `size` entries, or could become so.
  public init(of file: consuming ReceivedDescriptor, size: UInt32) throws(XDPError) {
    let byteCount = Self.byteCount(min(size, 1 << 16))
    guard size.nonzeroBitCount == 1, size <= 1 << 16, file.isSealed,
      file.byteCount >= byteCount,
      let memory = MappedMemory(file.descriptor, byteCount: byteCount, isWritable: true)
    else {
      throw XDPError(
        .system, operation: "open a channel of \(size) entries",
        reason: "the file that was given is none", remedy: "look at who gave it")
    }
    self.memory = memory
    self.file = file.take()
    self.size = size
  }

  /// Bytes of an entry.
  private static let stride = 32

  private static func byteCount(_ size: UInt32) -> Int { 4096 + 2 * stride * Int(size) }

  /// The memfd, for the peer; this object owns it.
  public var fileDescriptor: Int32 { file.value }

  /// The ring that an end puts into; one of each may be made.
  func makeSender(_ end: End) -> ChannelSender {
    let isOwner = end == .owner
    // The words of the table above, inside the mapping that this object keeps.
    return unsafe ChannelSender(
      entries: entries(isOwner), size: size, producer: cursor(isOwner ? 0 : 256),
      consumer: cursor(isOwner ? 128 : 384))
  }

  /// The ring that an end takes from; one of each may be made.
  func makeReceiver(_ end: End) -> ChannelReceiver {
    let isOwner = end == .owner
    // The words of the table above, inside the mapping that this object keeps.
    return unsafe ChannelReceiver(
      entries: entries(!isOwner), size: size, producer: cursor(isOwner ? 256 : 0),
      consumer: cursor(isOwner ? 384 : 128))
  }

  /// The words that say whether an end sleeps and up to where, and whether the other does.
  @unsafe func sleepers(_ end: End) -> Sleepers {
    let (own, other) = end == .owner ? (512, 640) : (640, 512)
    return unsafe Sleepers(
      own: cursor(own), ownAim: cursor(own + 4), other: cursor(other), otherAim: cursor(other + 4))
  }

  @unsafe struct Sleepers {
    let own, ownAim, other, otherAim: UnsafeMutablePointer<Atomic<UInt32>>
  }

  /// The word that says whether all is over, in a cache line that nothing else writes.
  @unsafe func endWord() -> UnsafeMutablePointer<Atomic<UInt32>> { unsafe cursor(768) }

  @unsafe private func cursor(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (memory.base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @unsafe private func entries(_ areToPeer: Bool) -> UnsafeMutablePointer<Atomic<UInt64>> {
    let offset = 4096 + (areToPeer ? 0 : Self.stride * Int(size))
    return unsafe (memory.base + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  /// Writes a word anywhere in the memory, as a peer that means no good can; for tests.
  package func scribble(_ word: UInt32, at offset: Int) {
    precondition(offset % 4 == 0 && offset >= 0 && offset < Self.byteCount(size))
    unsafe cursor(offset).pointee.store(word, ordering: .relaxed)
  }
}
