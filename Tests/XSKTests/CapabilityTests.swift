import Expectations
import MartletTestKit
import Testing

@testable import XSK

private let namespaces = KernelFeature.namespaces

/// What drivers announce.
@Suite struct CapabilityTests {
  @Test("The kernel's attributes become features, segments and metadata; others are passed over")
  func attributes() {
    var found = DriverCapabilities()
    func note(_ type: UInt16, _ value: [UInt8]) { found.note(type, value[...]) }
    note(1, [UInt8](native: UInt32(7)))
    note(3, [UInt8](native: UInt64(0x8B)))
    note(4, [UInt8](native: UInt32(18)))
    note(5, [UInt8](native: UInt64(3)))
    note(6, [UInt8](native: UInt64(2)))
    // Of another length than the kernel's.
    note(3, [UInt8](native: UInt32(0)))
    note(99, [])
    #expect(found.features == [.basic, .redirect, .zeroCopy, .init(rawValue: 0x80)])
    #expect(found.features.names == ["basic", "redirect", "xsk-zerocopy"])
    #expect(found.offersZeroCopy && found.zeroCopySegments == 18)
    #expect(found.receiveMetadata == [.timestamp, .hash] && found.transmitMetadata == .checksum)
    #expect(
      found.description == "XDP features basic, redirect, xsk-zerocopy; zero copy in 18 segments; "
        + "metadata timestamp, hash, tx-checksum")
    #expect(DriverCapabilities().description == "XDP features none")
    // As the kernel asks for: without redirection there is nothing to be had.
    #expect(!DriverCapabilities(features: [.basic, .zeroCopy]).offersZeroCopy)
  }

  @Test("Attributes are padded to four bytes")
  func padding() {
    #expect(NetdevFamily.attribute(2, Array("netdev\0".utf8)).count == 12)
    #expect(NetdevFamily.attribute(1, [1, 2, 3, 4]).count == 8)
  }

  @Test(
    "veth has native XDP and no zero copy, an old kernel says that it does not tell",
    .enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)))
  func veth() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      let near = try Interface(named: "near")
      guard KernelVersion.running >= KernelVersion(6, 3) else {
        let error = #expect(throws: XDPError.self) { try near.capabilities() }
        #expect(error?.kind == .unsupported)
        return
      }
      let capabilities = try near.capabilities()
      #expect(capabilities.features.isSuperset(of: [.basic, .redirect]))
      #expect(!capabilities.offersZeroCopy)
      try runProgram(["ip", "link", "delete", "near"])
      let error = #expect(throws: XDPError.self) { try near.capabilities() }
      #expect(error?.kind == .interfaceGone)
    }
  }
}
