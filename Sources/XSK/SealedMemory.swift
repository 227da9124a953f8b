import CXDP
import Glibc
import SystemPackage

/// Bytes of a huge page.
///
/// Other sizes exist; this one every 64-bit machine with 4 KiB pages has.
let hugePageSize = 2 << 20
/// Bytes of a page.
let smallPageSize = 4096

/// Memfds mapped back to back: mapped, populated and sealed, in this order.
struct SealedMemory: ~Copyable, Sendable {
  /// One per part.
  let files: [PartFile]
  let memory: MappedMemory

  /// Makes memory of `parts` at an address that is a multiple of `alignment`; a single part is
  /// rounded up to one, several have to be multiples.
  init(_ parts: [MemoryPart], alignment: Int, isHuge: Bool) throws(XDPError) {
    var parts = parts
    if parts.count == 1 {
      parts[0].byteCount = (parts[0].byteCount + alignment - 1) / alignment * alignment
    }
    let byteCount = parts.reduce(0) { $0 + $1.byteCount }
    let operation = "reserve \(byteCount >> 10) KiB of packet memory"
    guard let memory = MappedMemory(reserving: byteCount, alignment: alignment) else {
      throw SealedMemory.refused(operation, "mmap", Errno(rawValue: errno))
    }
    var files: [PartFile] = []
    var offset = 0
    for part in parts {
      files.append(
        try SealedMemory.map(part, at: offset, of: memory, isHuge: isHuge, operation))
      offset += part.byteCount
    }
    if let failure = memory.populate() { throw SealedMemory.refused(operation, "madvise", failure) }
    for file in files { try SealedMemory.seal(file.file, file.part.access, operation) }
    self.files = files
    self.memory = memory
  }

  private static func map(
    _ part: MemoryPart, at offset: Int, of memory: borrowing MappedMemory, isHuge: Bool,
    _ operation: String
  ) throws(XDPError) -> PartFile {
    guard let file = OwnedDescriptor(makeFile(isHuge: isHuge)) else {
      throw refused(operation, "memfd_create", Errno(rawValue: errno))
    }
    // A file beyond the limit would end the process (SIGXFSZ).
    guard part.byteCount <= Self.fileLimit else {
      throw XDPError(
        .memoryLimit, operation: operation,
        reason: "the process may have files of \(Self.fileLimit) bytes only",
        remedy: "raise the limit (ulimit -f), or ask for less memory")
    }
    guard ftruncate(file.value, part.byteCount) == 0 else {
      throw refused(operation, "ftruncate", Errno(rawValue: errno))
    }
    guard memory.map(file, at: offset, byteCount: part.byteCount) else {
      let failure = Errno(rawValue: errno)
      if isHuge { throw noHugePages(operation, part.byteCount, failure) }
      throw refused(operation, "mmap", failure)
    }
    return PartFile(file, part, at: offset)
  }

  /// Bytes of the longest file that the process may have (`RLIMIT_FSIZE`).
  private static var fileLimit: Int {
    var limit = rlimit()
    // The structure outlives the call.
    guard unsafe getrlimit(Int32(RLIMIT_FSIZE.rawValue), &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  static func makeFile(isHuge: Bool) -> Int32 {
    let huge = isHuge ? CXDP_MFD_HUGETLB | CXDP_MFD_HUGE_2MB : 0
    let flags = CXDP_MFD_CLOEXEC | CXDP_MFD_ALLOW_SEALING | huge
    // A C string for the length of the call. Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
    let file = unsafe cxdp_memfd_create("martlet", UInt32(flags | CXDP_MFD_NOEXEC_SEAL))
    if file >= 0 || errno != EINVAL { return file }
    return unsafe cxdp_memfd_create("martlet", UInt32(flags))
  }

  /// Nobody may change the file's size from here on, nor take a seal back; nor write through it,
  /// unless it is writable.
  static func seal(
    _ file: borrowing OwnedDescriptor, _ access: MemoryPart.Access, _ operation: String
  ) throws(XDPError) {
    let seals =
      CXDP_F_SEAL_SHRINK | CXDP_F_SEAL_GROW | CXDP_F_SEAL_SEAL
      | (access == .readOnly ? CXDP_F_SEAL_FUTURE_WRITE : 0)
    guard fcntl(file.value, Int32(CXDP_F_ADD_SEALS), Int32(seals)) == 0 else {
      throw SealedMemory.refused(operation, "sealing", Errno(rawValue: errno))
    }
  }

  static func refused(_ operation: String, _ call: String, _ errno: Errno) -> XDPError {
    let isMemory = errno == .noMemory || errno == .badAddress
    return XDPError(
      isMemory ? .memoryLimit : .system, operation: operation, reason: "\(call) failed (\(errno))",
      remedy: isMemory ? "ask for less memory" : "look at the limits of this process (ulimit -a)",
      errno: errno)
  }

  private static func noHugePages(_ operation: String, _ count: Int, _ errno: Errno) -> XDPError {
    let free = TextFile.read("/proc/meminfo").flatMap {
      TextFile.number(after: "HugePages_Free", in: $0)
    }
    let pages = count / hugePageSize
    return XDPError(
      .memoryLimit, operation: operation,
      reason: "it takes \(pages) huge pages and \(free ?? 0) are free (\(errno))",
      remedy: "set aside more with sysctl vm.nr_hugepages=N", errno: errno)
  }
}
