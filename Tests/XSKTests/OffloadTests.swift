import Expectations
import MartletTestKit
import Testing
import XSK

private let namespaces = KernelFeature.namespaces

@Suite(.enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)))
struct OffloadTests {
  /// The lines of `ethtool -k` that are on and may be changed.
  private static func active() throws -> [String] {
    try runProgram(["ethtool", "-k", "near"]).split(separator: "\n").filter {
      $0.hasSuffix(": on")
    }.map { String($0.drop { $0 == "\t" || $0 == " " }.prefix { $0 != ":" }) }
  }

  @Test("VLAN stripping is turned off and, however it ends, on again")
  func vlanStripping() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try runProgram(["ethtool", "-K", "near", "rxvlan", "on"])
      let before = try Self.active()
      #expect(before.contains("rx-vlan-offload"))

      var settings = try OffloadSettings(turningOff: Interface(named: "near"))
      let changed = settings.changed
      #expect(changed.contains("rx-vlan-hw-parse"))
      let during = try Self.active()
      #expect(!during.contains("rx-vlan-offload"))
      #expect(during.count == before.count - changed.count)
      settings.restore()
      #expect(try Self.active() == before)
      expect(settings.changed.isEmpty)
      try runProgram(["ethtool", "-K", "near", "rxvlan", "off"])
      settings.restore()
      _ = consume settings
      #expect(try !Self.active().contains("rx-vlan-offload"))

      try runProgram(["ethtool", "-K", "near", "rxvlan", "on"])
      let dropped = try OffloadSettings(turningOff: Interface(named: "near"))
      #expect(try !Self.active().contains("rx-vlan-offload"))
      _ = consume dropped
      #expect(try Self.active() == before)
    }
  }

  @Test("What is off already stays as it is, also afterwards")
  func nothingToDo() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try runProgram(["ethtool", "-K", "near", "rx-vlan-stag-hw-parse", "off"])
      let before = try Self.active()
      let settings = try OffloadSettings(turningOff: Interface(named: "near"))
      expectEqual(settings.changed, [])
      _ = consume settings
      #expect(try Self.active() == before)
    }
  }

  @Test("An interface that vanished meanwhile is no trouble")
  func vanished() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      try runProgram(["ethtool", "-K", "near", "rxvlan", "on"])
      let near = try Interface(named: "near")
      var settings = try OffloadSettings(turningOff: near)
      try runProgram(["ip", "link", "delete", "near"])
      settings.restore()
      _ = consume settings
      let error = #expect(throws: XDPError.self) { _ = try OffloadSettings(turningOff: near) }
      #expect(error?.kind == .interfaceGone)
    }
  }
}
