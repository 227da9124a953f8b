import CXDP
import Glibc
import SystemPackage

/// A stretch of mapped memory with one owner, unmapped when the owner lets it go.
///
/// Sendable, for it only holds the memory; who reads and writes where is the business of frames.
@safe struct MappedMemory: ~Copyable, @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  /// Address space for `byteCount` bytes, at an address that is a multiple of `alignment`, with
  /// nothing there yet.
  ///
  /// Gives nil, and leaves `errno` standing, where the kernel refuses.
  init?(reserving byteCount: Int, alignment: Int) {
    // Room for the memory and for the way to the next multiple of the alignment.
    let span = byteCount + alignment
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let space = unsafe mmap(nil, span, PROT_NONE, flags, -1, 0), unsafe space != MAP_FAILED
    else { return nil }
    let skip = (alignment - Int(bitPattern: space) % alignment) % alignment
    let start = unsafe space + skip
    // What is left of the address space on both sides.
    if skip > 0 { unsafe munmap(space, skip) }
    if skip < alignment { unsafe munmap(start + byteCount, alignment - skip) }
    unsafe self.base = start
    self.byteCount = byteCount
  }

  /// Maps all `byteCount` bytes of `file`, shared, to read and perhaps to write.
  ///
  /// Gives nil, and leaves `errno` standing, where the kernel refuses.
  init?(_ file: borrowing OwnedDescriptor, byteCount: Int, isWritable: Bool) {
    let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
    guard let start = unsafe mmap(nil, byteCount, protection, MAP_SHARED, file.value, 0),
      unsafe start != MAP_FAILED
    else { return nil }
    unsafe self.base = start
    self.byteCount = byteCount
  }

  /// Maps `byteCount` bytes of `file` to read and write, shared, `offset` bytes into this memory.
  ///
  /// Gives false, and leaves `errno` standing, where the kernel refuses.
  func map(_ file: borrowing OwnedDescriptor, at offset: Int, byteCount: Int) -> Bool {
    precondition(offset >= 0 && byteCount <= self.byteCount - offset, "a part outside the memory")
    // MAP_FIXED replaces pages of this memory's own address space, nobody else's.
    return unsafe mmap(
      base + offset, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.value, 0)
      == base + offset
  }

  /// Gives every page its memory now; nil is success.
  ///
  /// `MADV_POPULATE_WRITE` (Linux 5.14) answers with an error where touching a page would kill the
  /// process.
  func populate() -> Errno? {
    if unsafe madvise(base, byteCount, Int32(CXDP_MADV_POPULATE_WRITE)) == 0 { return nil }
    guard errno == EINVAL else { return Errno(rawValue: errno) }
    var offset = 0
    while offset < byteCount {
      // In bounds by the loop's condition; the memory is fresh, so a zero changes nothing.
      unsafe base.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
      offset += 4096
    }
    return nil
  }

  /// Asks for 2 MiB pages in place of what is there; nil is success.
  func collapse() -> Errno? {
    // The advice changes which pages hold the memory, not what is in it.
    guard unsafe madvise(base, byteCount, Int32(CXDP_MADV_COLLAPSE)) == 0 else {
      return Errno(rawValue: errno)
    }
    return nil
  }

  deinit {
    // The mapping is this value's own, and nobody may hold a pointer into it longer than it lives.
    unsafe munmap(base, byteCount)
  }
}
