import MartletTestKit
import Testing
import XSK

@testable import Steering

/// One program in the place of another, where one of the interfaces has vanished and takes none.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ExchangeTests {
  static let arp = PacketBuilder().arpRequest()
  static let rule = Rule(.arp, .drop)

  /// Attaches a program to two interfaces, of which the second one vanishes.
  private static func attach(_ program: inout SteeringProgram) throws -> (Interface, Interface) {
    _ = try VethPair("near", "far")
    _ = try VethPair("other", "peer")
    let (near, other) = (try Interface(named: "near"), try Interface(named: "other"))
    try program.attach(to: near, mode: .native)
    try program.attach(to: other, mode: .native)
    try runProgram(["ip", "link", "del", "other"])
    return (near, other)
  }

  @Test("All interfaces keep the program without rules", arguments: [false, true])
  func firstRule(_ usesLinks: Bool) async throws {
    try await withNetworkNamespace {
      var program = try SteeringProgram(socketCapacity: 8)
      if usesLinks { try program.useLinks() }
      let (near, other) = try Self.attach(&program)
      let before = try PresentProgram(on: near)?.name
      for _ in 0..<3 {
        #expect(refusal { () throws(XDPError) in try program.setRules([Self.rule]) } != nil)
        #expect(program.rules.isEmpty)
        #expect(try PresentProgram(on: near)?.name == before)
        #expect(try program.trial(of: Self.arp, interface: near) == .kernel)
      }
      program.detach(from: other)
      try program.setRules([Self.rule])
      #expect(try program.trial(of: Self.arp, interface: near) == .drop)
      program.detach(from: near)
      #expect(programs(on: near) == [0, 0])
    }
  }

  @Test("All interfaces keep the program with the facts, and so it is noted")
  func facts() async throws {
    try await withNetworkNamespace {
      var program = try SteeringProgram(socketCapacity: 8)
      try program.setFacts(true)
      let (near, other) = try Self.attach(&program)
      #expect(refusal { () throws(XDPError) in try program.setFacts(false) } != nil)
      #expect(try PresentProgram(on: near)?.name == "martlet_facts")
      let writesFacts = program.writesFacts
      #expect(writesFacts)
      program.detach(from: other)
      try program.setFacts(false)
      #expect(try PresentProgram(on: near)?.name == "martlet_rules")
    }
  }
}
