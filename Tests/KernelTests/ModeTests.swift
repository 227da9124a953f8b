import Expectations
import Martlet
import MartletTestKit
import Testing

private let sockets = KernelFeature.sockets

@Suite(.enabled(if: sockets.isExpected, Comment(rawValue: sockets.reason)), .timeLimit(.minutes(5)))
struct ModeTests {
  @Test("On veth auto gives copy, and says which port's driver decided")
  func auto() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      let report = engine.report(of: port)
      #expect(report.mode == .copy)
      #expect(report.modeReason.contains("near") && report.modeReason.contains("driver veth"))
      #expect(report.attachment != nil)
      #expect(report.state == .up)
      #expect(try isAttached("near", .native))
    }
  }

  @Test("Where the driver cannot run the program, auto gives generic and says what was missing")
  func generic() async throws {
    try await withNetworkNamespace {
      try makeLopsidedPair("near", "far")
      var engine = try Engine()
      let port = try engine.bind("near", queue: 0)
      try engine.steer(.everything)
      let report = engine.report(of: port)
      #expect(report.mode == .generic)
      #expect(report.modeReason.contains("near") && report.modeReason.contains("receive queues"))
      #expect(try isAttached("near", .generic))
      try PacketTap("far").send(numbered(5))
      expectSame(try engine.collect(5, from: port), numbered(5))
    }
  }

  @Test("Copy demanded where only generic works: refused with what to do, nothing attached")
  func copyRefused() async throws {
    try await withNetworkNamespace {
      try makeLopsidedPair("near", "far")
      var engine = try Engine()
      let error = refusal(&engine, "near", mode: .copy)
      #expect(error?.kind == .modeRefused)
      #expect(error?.remedy.contains("generic") == true)
      try expectNothingAttached(to: "near")
      // The same engine takes the port in the mode that works.
      _ = try whileBusy { () throws(XDPError) in
        try engine.bind("near", queue: 0, mode: .generic)
      }
    }
  }

  @Test("Zero copy demanded on veth: refused with the driver's reason, nothing attached")
  func zeroCopyRefused() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let error = refusal(&engine, "near", mode: .zeroCopy)
      #expect(error?.kind == .modeRefused)
      #expect(error?.operation.contains("near") == true)
      #expect(error?.reason.contains("driver veth") == true)
      try expectNothingAttached(to: "near")
    }
  }

  @Test("Of a set of ports the one that can least decides for all, and is named")
  func oneDecides() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("able", "peer-able")
      try makeLopsidedPair("unable", "peer-unable")
      var engine = try Engine()
      let ports = try engine.bind([QueueName("able", queue: 0), QueueName("unable", queue: 0)])
      for port in ports {
        let report = engine.report(of: port)
        #expect(report.mode == .generic)
        #expect(report.modeReason.contains("attach to unable"))
      }
      try engine.steer(.everything)
      try PacketTap("peer-able").send(numbered(3))
      expectSame(try engine.collect(3, from: ports[0]), numbered(3))
    }
  }

  @Test(
    "What is demanded is given, and the reason says that it was asked for",
    arguments: [
      ModeRequest.copy, .generic,
    ])
  func demanded(_ mode: ModeRequest) async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      var engine = try Engine()
      let report = engine.report(of: try engine.bind("near", queue: 0, mode: mode))
      #expect(report.mode == (mode == .copy ? .copy : .generic))
      #expect(report.modeReason == "asked for")
      #expect(try isAttached("near", mode == .copy ? .native : .generic))
    }
  }

  @Test("A later port may stand on another rung, but zero-copy cannot join copying ports")
  func laterPort() async throws {
    try await withNetworkNamespace {
      for name in ["a", "b", "c"] { _ = try VethPair(name, "peer-\(name)") }
      var engine = try Engine()
      _ = try engine.bind("a", queue: 0, mode: .generic)
      let b = try engine.bind("b", queue: 0)
      #expect(engine.report(of: b).mode == .copy)
      #expect(engine.report(of: b).modeReason.contains("zero-copy cannot join"))
      #expect(try isAttached("b", .native))
      let refused = refusal(&engine, "c", mode: .zeroCopy)
      expectEqual(refused?.kind, .modeRefused)
      #expect(refused?.remedy.contains("one set") == true)
      #expect(try runProgram(["ip", "-d", "link", "show", "dev", "c"]).contains("xdp") == false)
    }
  }
}

/// Whether the kernel shows an XDP program on the interface, attached that way.
private func isAttached(_ interface: String, _ mode: AttachMode) throws -> Bool {
  let link = try runProgram(["ip", "link", "show", "dev", interface])
  switch mode {
  case .native: return link.contains("xdp/") || link.contains(" xdp ")
  case .generic: return link.contains("xdpgeneric")
  }
}

/// A veth of one receive queue whose peer sends on two: the driver refuses native XDP.
private func makeLopsidedPair(_ near: String, _ far: String) throws {
  try runProgram([
    "ip", "link", "add", "name", near, "numrxqueues", "1", "type", "veth", "peer", "name", far,
    "numtxqueues", "2",
  ])
  try runProgram(["ethtool", "-L", far, "tx", "2"])
  for name in [near, far] {
    try runProgram(["ethtool", "-K", name, "tx", "off", "txvlan", "off"])
    try runProgram(["ip", "link", "set", "dev", name, "up"])
  }
}
