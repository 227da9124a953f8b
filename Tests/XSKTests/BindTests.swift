import Glibc
import MartletTestKit
import Testing
import XSK

@Suite struct BindTests {
  @Test func bindCopy() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 20))
      let socket = try umem.bind(Interface(named: "near"), queue: 0, mode: .copy)
      let isZeroCopy = socket.isZeroCopy
      #expect(!isZeroCopy)
    }
  }
}
