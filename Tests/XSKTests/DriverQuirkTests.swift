import Expectations
import MartletTestKit
import Testing

@testable import XSK

private let namespaces = KernelFeature.namespaces

/// What drivers do in zero copy and announce nowhere.
///
/// That they do it, and that binding goes by it, shows where the drivers are: `tools/zero-copy`.
@Suite struct DriverQuirkTests {
  @Test("igb receives into whole KiB: 1,792 bytes hold 1,024 in one piece")
  func wholeKiB() {
    let igb = DriverQuirks(driver: "igb")
    #expect(igb.repeatsWhenDry)
    let sizes: [(chunk: Int, headroom: Int, whole: Int)] = [
      (2048, 0, 1024), (2048, 768, 1024), (2048, 769, 0), (4096, 0, 3072), (4096, 192, 3072),
      (4096, 1792, 2048), (4096, 1793, 1024),
    ]
    for (chunk, headroom, whole) in sizes {
      var configuration = UMEM.Configuration()
      configuration.chunkSize = chunk
      configuration.headroom = headroom
      expectEqual(igb.largestWhole(of: configuration.largestPacket), whole)
    }
  }

  @Test("Other drivers receive into all of a chunk and may have zero copy unasked")
  func others() {
    for driver in ["virtio_net", "ice", "igbvf", nil] {
      let quirks = DriverQuirks(driver: driver)
      #expect(!quirks.repeatsWhenDry)
      expectEqual(quirks.largestWhole(of: 1792), 1792)
    }
  }

  @Test(
    "veth has none of it",
    .enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)))
  func veth() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try Interface(named: "near").checkZeroCopyIsHarmless()
    }
  }
}
