import CXDP
import Expectations
import Glibc
import MartletTestKit
import Testing
import XSK

/// Packet memory that is glued from several files.
@Suite struct MemoryPartTests {
  private func make() throws -> UMEM {
    try UMEM(
      region: MemoryRegion([
        MemoryPart(byteCount: 8192), MemoryPart(byteCount: 4096),
        MemoryPart(byteCount: 12288, access: .writable),
      ]))
  }

  @Test("Each file shows its part and nothing else, in one stretch of addresses")
  func parts() throws {
    let umem = try make()
    let memory = umem.memory()
    #expect(memory.byteCount == 24576)
    for (address, count) in [(0, 8192), (8192, 4096), (12288, 12288)] {
      var span = memory.mutableSpan(at: UInt64(address), count: count)
      for place in 0..<count {
        span.storeBytes(
          of: UInt8(truncatingIfNeeded: address / 4096 + 1), toByteOffset: place, as: UInt8.self)
      }
    }
    for (address, count) in [(0, 8192), (8192, 4096), (12288, 12288)] {
      guard let file = umem.openPart(at: UInt64(address)) else {
        Issue.record("no part at \(address)")
        continue
      }
      let view = try ArenaView(file, isWritable: address == 12288)
      #expect(view.byteCount == count)
      let span = view.span(at: 0, count: count)
      // The view's own bytes.
      let isSame = unsafe span.withUnsafeBytes { bytes in
        unsafe bytes.allSatisfy { $0 == UInt8(address / 4096 + 1) }
      }
      #expect(isSame)
    }
    expect(umem.openPart(at: 4096) == nil)
  }

  @Test("A part that was given is seen until the last mapping of it is gone")
  func seen() throws {
    let umem = try make()
    for address in [UInt64(8192), 12288] {
      #expect(!umem.isPartSeen(at: address))
      do {
        guard let file = umem.openPart(at: address) else { throw TestKitError("no part") }
        #expect(umem.isPartSeen(at: address))
        // The descriptor goes; the mapping stays, as in a process that passed it on.
        let view = try ArenaView(file, isWritable: address == 12288)
        #expect(umem.isPartSeen(at: address))
        #expect(view.byteCount > 0)
      }
      #expect(!umem.isPartSeen(at: address))
    }
  }

  @Test("Parts that are no whole pages are refused")
  func refusals() {
    for sizes in [[4096, 100], [100, 4096], [0, 4096], [-4096, 4096]] {
      do throws(XDPError) {
        let region = try MemoryRegion(sizes.map { MemoryPart(byteCount: $0) })
        Issue.record("\(sizes) became \(region.byteCount) bytes")
      } catch {
        #expect(error.kind == .configuration)
      }
    }
  }
}
