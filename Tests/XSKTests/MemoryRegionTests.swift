import CXDP
import Glibc
import MartletTestKit
import Testing
import XSK

@Suite struct MemoryRegionTests {
  @Test("Whoever is given the file can read it and nothing else")
  func sealed() throws {
    let region = try MemoryRegion(byteCount: 1 << 16)
    let file = region.fileDescriptor
    let size = region.byteCount
    // Each call may fail and changes nothing then; the pointers are checked before use.
    let writable = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    unsafe #expect(writable == MAP_FAILED)
    let readable = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, file, 0)
    unsafe #expect(readable != MAP_FAILED)
    unsafe #expect(mprotect(readable, size, PROT_READ | PROT_WRITE) == -1)
    unsafe munmap(readable, size)
    #expect(ftruncate(file, 4096) == -1)
    #expect(ftruncate(file, size * 2) == -1)
    unsafe #expect(pwrite(file, "x", 1, 0) == -1)
    let punch: Int32 = 3  // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    #expect(cxdp_fallocate(file, punch, 0, 4096) == -1)
    #expect(fcntl(file, Int32(CXDP_F_ADD_SEALS), 1) == -1)
  }

  @Test("A second mapping of the file shows what the owner writes")
  func shared() throws {
    let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 16))
    let memory = umem.memory()
    var bytes = memory.mutableSpan(at: 1234, count: 1)
    bytes.storeBytes(of: 0xA5, as: UInt8.self)
    let reader = unsafe mmap(nil, 1 << 16, PROT_READ, MAP_SHARED, umem.fileDescriptor, 0)
    let mapped = try unsafe #require(reader)
    // Mapped just now, all of the file.
    unsafe #expect(mapped.load(fromByteOffset: 1234, as: UInt8.self) == 0xA5)
    unsafe munmap(mapped, 1 << 16)
  }

  @Test("Every page is there from the start")
  func populated() throws {
    let region = try MemoryRegion(byteCount: 1 << 20)
    #expect(region.pages == .small && region.fallback == nil)
    let smaps = try Smaps(region.fileDescriptor)
    #expect(smaps.kilobytes("Rss") == 1024)
    #expect(smaps.kilobytes("Size") == 1024)
  }

  @Test("Collapsed pages are had, or it is said why not")
  func transparentHuge() throws {
    let region = try MemoryRegion(byteCount: 3 << 20, pages: .transparentHuge)
    #expect(region.byteCount == 4 << 20)
    let smaps = try Smaps(region.fileDescriptor)
    switch region.pages {
    case .transparentHuge:
      #expect(region.fallback == nil)
      #expect(smaps.kilobytes("ShmemPmdMapped") == 4096)
    default:
      #expect(region.pages == .small)
      #expect(region.fallback != nil)
      #expect(smaps.kilobytes("ShmemPmdMapped") == 0)
    }
  }

  @Test("Huge pages are had, or it is said why not and what to do")
  func huge() throws {
    let region = try MemoryRegion(byteCount: 3 << 20, pages: .huge)
    let smaps = try Smaps(region.fileDescriptor)
    switch region.pages {
    case .huge:
      #expect(region.fallback == nil)
      #expect(region.byteCount == 4 << 20)
      #expect(smaps.kilobytes("KernelPageSize") == 2048)
    default:
      #expect(region.pages == .small)
      #expect(region.fallback?.contains("vm.nr_hugepages") == true)
      #expect(smaps.kilobytes("KernelPageSize") == 4)
    }
  }

  @Test("More memory than the machine has is refused before a page is touched")
  func tooMuch() throws {
    let error = #expect(throws: XDPError.self) { _ = try MemoryRegion(byteCount: 1 << 40) }
    #expect(error?.kind == .memoryLimit)
    #expect(error?.description.contains("KiB left; ask for less, or raise the limit") == true)
    #expect(throws: XDPError.self) { _ = try MemoryRegion(byteCount: 0) }
    #expect(throws: XDPError.self) { _ = try MemoryRegion(byteCount: -1) }
  }
}

/// What `/proc/self/smaps` says of the one mapping of a file of this process.
struct Smaps {
  private var lines: [Substring] = []

  init(_ file: Int32) throws {
    let inode = try Inode(file)
    let all = try readText("/proc/self/smaps").split(separator: "\n")
    guard let first = all.firstIndex(where: inode.isMapped(in:)) else {
      throw TestKitError("no mapping of inode \(inode.number)")
    }
    lines = Array(all[(first + 1)...].prefix { !$0.hasPrefix("VmFlags") })
  }

  func kilobytes(_ key: String) -> Int? {
    guard let line = lines.first(where: { $0.hasPrefix(key + ":") }) else { return nil }
    return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }
}
