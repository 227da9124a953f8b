import CXDP
import Glibc
import SystemPackage

/// Bytes of a huge page.
///
/// Other sizes exist; this one every 64-bit machine with 4 KiB pages has.
let hugePageSize = 2 << 20
/// Bytes of a page.
let smallPageSize = 4096

/// A memfd and its mapping: mapped, populated and sealed, in this order.
struct SealedMemory: ~Copyable, Sendable {
  let file: OwnedDescriptor
  let memory: MappedMemory

  /// Makes at least `wanted` bytes, at an address and of a size that are multiples of `alignment`.
  init(_ wanted: Int, alignment: Int, isHuge: Bool) throws(XDPError) {
    let byteCount = (wanted + alignment - 1) / alignment * alignment
    let operation = "reserve \(byteCount >> 10) KiB of packet memory"
    guard let file = OwnedDescriptor(SealedMemory.makeFile(isHuge: isHuge)) else {
      throw SealedMemory.refused(operation, "memfd_create", Errno(rawValue: errno))
    }
    guard ftruncate(file.value, byteCount) == 0 else {
      throw SealedMemory.refused(operation, "ftruncate", Errno(rawValue: errno))
    }
    guard let memory = MappedMemory(file, byteCount: byteCount, alignment: alignment) else {
      let failure = Errno(rawValue: errno)
      if isHuge { throw SealedMemory.noHugePages(operation, byteCount, failure) }
      throw SealedMemory.refused(operation, "mmap", failure)
    }
    if let failure = memory.populate() { throw SealedMemory.refused(operation, "madvise", failure) }
    try SealedMemory.seal(file, operation)
    self.file = file
    self.memory = memory
  }

  private static func makeFile(isHuge: Bool) -> Int32 {
    let huge = isHuge ? CXDP_MFD_HUGETLB | CXDP_MFD_HUGE_2MB : 0
    let flags = CXDP_MFD_CLOEXEC | CXDP_MFD_ALLOW_SEALING | huge
    // A C string for the length of the call. Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
    let file = unsafe cxdp_memfd_create("martlet", UInt32(flags | CXDP_MFD_NOEXEC_SEAL))
    if file >= 0 || errno != EINVAL { return file }
    return unsafe cxdp_memfd_create("martlet", UInt32(flags))
  }

  /// Nobody may write through the file from here on, nor change its size, nor take a seal back.
  ///
  /// A region that a tenant writes to would leave `F_SEAL_FUTURE_WRITE` out, and nothing else.
  private static func seal(_ file: borrowing OwnedDescriptor, _ operation: String) throws(XDPError)
  {
    let seals =
      CXDP_F_SEAL_SHRINK | CXDP_F_SEAL_GROW | CXDP_F_SEAL_FUTURE_WRITE
      | CXDP_F_SEAL_SEAL
    guard fcntl(file.value, Int32(CXDP_F_ADD_SEALS), Int32(seals)) == 0 else {
      throw SealedMemory.refused(operation, "sealing", Errno(rawValue: errno))
    }
  }

  private static func refused(_ operation: String, _ call: String, _ errno: Errno) -> XDPError {
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
