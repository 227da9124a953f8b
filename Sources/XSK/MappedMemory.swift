import CXDP
import Glibc
import SystemPackage

/// A stretch of mapped memory with one owner, unmapped when the owner lets it go.
///
/// Sendable, for it only holds the memory; who reads and writes where is the business of frames.
@safe struct MappedMemory: ~Copyable, @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  /// Maps all of `file` to read and write, shared, at an address that is a multiple of `alignment`.
  ///
  /// Gives nil, and leaves `errno` standing, where the kernel refuses.
  init?(_ file: borrowing OwnedDescriptor, byteCount: Int, alignment: Int) {
    // Address space for the memory and for the way to the next multiple of the alignment.
    let span = byteCount + alignment
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let space = unsafe mmap(nil, span, PROT_NONE, flags, -1, 0), unsafe space != MAP_FAILED
    else { return nil }
    let skip = (alignment - Int(bitPattern: space) % alignment) % alignment
    let start = unsafe space + skip
    // MAP_FIXED replaces pages of the address space taken above, nobody else's.
    guard
      unsafe mmap(
        start, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.value, 0) == start
    else {
      let failure = errno
      unsafe munmap(space, span)
      errno = failure
      return nil
    }
    // What is left of the address space on both sides.
    if skip > 0 { unsafe munmap(space, skip) }
    if skip < alignment { unsafe munmap(start + byteCount, alignment - skip) }
    unsafe self.base = start
    self.byteCount = byteCount
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
