import MartletTestKit
import Testing

private let namespaces = KernelFeature.namespaces

@Suite(
  .enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)),
  .timeLimit(.minutes(1)))
struct NamespaceTests {
  @Test("A frame crosses a fresh pair at once and alone", arguments: 1...8)
  func frameCrosses(_ number: UInt8) async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("left", "right") { $0.queueCount = 2 }
      let left = try PacketTap(pair.near)
      let right = try PacketTap(pair.far)
      var builder = PacketBuilder()
      builder.vlanTags = number.isMultiple(of: 2) ? [5, 7] : []
      let frames = (0..<100).map { builder.udp(payload: [number, $0]) }
      try left.send(frames)
      #expect(try right.receive(101, timeout: .milliseconds(100)) == frames)
      #expect(try left.receive(timeout: .zero) == nil)
      #expect(try right.dropCount() == 0)
    }
  }
}
