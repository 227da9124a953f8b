import Glibc
import MartletTestKit
import Testing
import Wire
import XSK

@testable import Steering

/// What the director's program makes of frames, without sending any.
@Suite(.enabled(if: namespaces.isExpected, needsNamespaces))
struct DirectorTests {
  @Test func itReadsFlowsAsFlowKeyDoes() async throws {
    try await withNetworkNamespace {
      var director = try Cable(queueCount: 4).director()
      var random = SeededGenerator(seed: 11)
      var known = 0
      for frame in Frames.all + (0..<400).map({ _ in Frames.random(&random) }) {
        guard let key = flow(of: frame) else {
          #expect(try director.trial(of: frame) == nil, "\(frame)")
          continue
        }
        try director.direct(.flow(key), to: 3)
        #expect(try director.trial(of: frame) == 3, "\(key) \(frame)")
        director.undirect(.flow(key))
        #expect(try director.trial(of: frame) == nil, "\(key)")
        known += 1
      }
      #expect(known > 100)
    }
  }

  /// Of broken ones nothing is read: not even a match for all flows means them.
  @Test func cutOffAnywhereTheyReadAlike() async throws {
    try await withNetworkNamespace {
      var director = try Cable(queueCount: 4).director()
      try director.direct(.packets(), to: 1)
      for frame in Frames.all + Frames.broken {
        for length in Frames.shortest(frame)...frame.count {
          let cut = Array(frame.prefix(length))
          guard let key = flow(of: cut) else {
            #expect(try director.trial(of: cut) == nil, "\(length) bytes of \(frame)")
            continue
          }
          try director.direct(.flow(key), to: 3)
          #expect(try director.trial(of: cut) == 3, "\(key), \(length) bytes of \(frame)")
          director.undirect(.flow(key))
          #expect(try director.trial(of: cut) == 1, "\(key), \(length) bytes of \(frame)")
        }
      }
    }
  }

  @Test func nothingElseIsMeant() async throws {
    try await withNetworkNamespace {
      var director = try Cable(queueCount: 4).director()
      let frame = PacketBuilder().udp()
      let key = try #require(flow(of: frame))
      try director.direct(.flow(key), to: 2)
      var others = [key.reversed]
      for change: (inout FlowKey) -> Void in [
        { $0.sourcePort ^= 1 }, { $0.destinationPort ^= 1 }, { $0.vlans = 1 },
        { $0.ipProtocol = .tcp }, { $0.isIPv4 = false },
        { $0.source = IPv6Address(high: $0.source.high, low: $0.source.low ^ 1) },
        { $0.destination = IPv6Address(high: 1, low: $0.destination.low) },
      ] {
        var other = key
        change(&other)
        others.append(other)
      }
      director.undirect(.flow(key))
      for other in others {
        try director.direct(.flow(other), to: 2)
        #expect(try director.trial(of: frame) == nil, "\(other)")
      }
      try director.direct(.flow(key), to: 1)
      #expect(try director.trial(of: frame) == 1)
    }
  }

  @Test func matchesAndTheRest() async throws {
    try await withNetworkNamespace {
      var director = try Cable(queueCount: 4).director()
      var builder = PacketBuilder()
      let plain = builder.udp()
      builder.vlanTags = [7]
      let tagged = builder.udp()
      let key = try #require(flow(of: plain))
      try director.direct(.packets(destinationPort: key.destinationPort), to: 1)
      #expect(try director.trial(of: plain) == 1 && director.trial(of: tagged) == 1)
      try director.direct(.packets(vlans: 7), to: 2)
      // The exact flow goes first, then what was named first.
      #expect(try director.trial(of: tagged) == 1)
      try director.direct(.flow(key), to: 3)
      #expect(try director.trial(of: plain) == 3 && director.trial(of: tagged) == 1)
      director.undirect(.packets(destinationPort: key.destinationPort))
      #expect(try director.trial(of: tagged) == 2)
      try director.direct(.packets(ipProtocol: .tcp, vlans: 0), to: 1)
      #expect(try director.trial(of: PacketBuilder().tcp()) == 1)
      #expect(try director.trial(of: builder.tcp()) == 2)
      // The rest, packets that are no flow's included.
      try director.setRest([0])
      #expect(try director.trial(of: PacketBuilder().arpRequest()) == 0)
      #expect(try director.trial(of: PacketBuilder().icmpEcho()) == 0)
      #expect(try director.trial(of: plain) == 3)
      try director.setRest([])
      #expect(try director.trial(of: PacketBuilder().icmpEcho()) == nil)
    }
  }

  @Test func limits() async throws {
    try await withNetworkNamespace {
      var director = try Cable(queueCount: 2).director()
      let queue = refusal { () throws(XDPError) in
        try director.direct(.packets(vlans: 1), to: 2)
      }
      #expect(queue?.kind == .noSuchQueue)
      #expect(refusal { () throws(XDPError) in try director.setRest([2]) }?.kind == .noSuchQueue)
      // Seven kinds beside the exact one; a kind that is not needed any more makes room.
      let kinds: [DirectorMatch] = [
        .packets(vlans: 1), .packets(ipProtocol: .udp), .packets(destinationPort: 1),
        .packets(ipProtocol: .udp, vlans: 1), .packets(destinationPort: 1, vlans: 1),
        .packets(destinationPort: 1, ipProtocol: .udp),
        .packets(destinationPort: 1, ipProtocol: .udp, vlans: 1),
      ]
      for kind in kinds { try director.direct(kind, to: 1) }
      let error = refusal { () throws(XDPError) in try director.direct(.packets(), to: 1) }
      #expect(error?.kind == .configuration)
      director.undirect(kinds[3])
      try director.direct(.packets(), to: 1)
      #expect(try director.trial(of: PacketBuilder().arpRequest()) == nil)
      #expect(try director.trial(of: PacketBuilder().icmpEcho()) == 1)
    }
  }

  @Test func theOtherEndIsFound() async throws {
    try await withNetworkNamespace {
      let cable = try Cable(queueCount: 2)
      let near = try Interface(named: "near")
      #expect(try near.cablePeer() == .here(Interface(named: "far")))
      #expect(try Interface(named: "lo").cablePeer() == .none)
      var steering = try QueueSteering(near, recordFolder: cable.folder.path)
      #expect(steering.ways == [.director])
      let placement = try steering.steer(flow(1), to: 1)
      #expect(placement.grade == .exact && placement.reason.contains("in front of far"))
      let error = refusal { () throws(XDPError) in try steering.steer(flow(2), to: 0) }
      #expect(error?.kind == .configuration)
      #expect(steering.placement(of: flow(2)).grade == nil)
      #expect(steering.placement(of: flow(1)).grade == .exact)
    }
  }

  @Test func twoOnOneCable() async throws {
    try await withNetworkNamespace {
      let cable = try Cable(queueCount: 2)
      let first = try cable.director()
      let error = refusal { () throws(XDPError) in _ = try cable.director() }
      #expect(error?.kind == .settingsHeld)
      #expect(first.queueCount == 2)
    }
  }

  /// As with kernels that link no such programs: a filter, in a qdisc that may be there or not.
  @Test(arguments: [false, true])
  func asAFilter(isThere: Bool) async throws {
    try await withNetworkNamespace {
      let cable = try Cable(queueCount: 2)
      if isThere { try runProgram(["tc", "qdisc", "add", "dev", "far", "clsact"]) }
      do {
        var director = try cable.director(usesLink: false)
        try director.direct(.packets(), to: 1)
        #expect(try cable.filters().contains("martlet_direct"))
        #expect(cable.folder.names().count == 1)
      }
      #expect(try cable.filters() == "")
      #expect(try cable.hasQdisc() == isThere)
      #expect(cable.folder.names() == [])
    }
  }

  @Test func somebodyElsesFilterStays() async throws {
    try await withNetworkNamespace {
      let cable = try Cable(queueCount: 2)
      var director = try cable.director(usesLink: false)
      try runProgram([
        "tc", "filter", "add", "dev", "far", "ingress", "bpf", "da", "bytecode", "1,6 0 0 0",
      ])
      director.restore()
      #expect(try cable.filters() == "")
      #expect(try cable.hasQdisc())
      #expect(try runProgram(["tc", "filter", "show", "dev", "far", "ingress"]).contains("bpf"))
      director.restore()
    }
  }

  @Test(arguments: [true, false])
  func killed(usesLink: Bool) async throws {
    let namespace = try NetworkNamespace()
    let cable = try namespace.run { try Cable(queueCount: 2) }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [
        path = namespace.path as String, folder = cable.folder.path as String,
        usesLink = usesLink as Bool
      ]
      in
      try NetworkNamespace.join(path)
      var director = try FlowDirector(
        sendingOn: Interface(named: "far"), recordFolder: folder, usesLink: usesLink)
      try director.direct(.packets(), to: 1)
      kill(getpid(), SIGKILL)
    }
    try namespace.run {
      if usesLink {
        try cable.waitUntilFree()
        #expect(cable.folder.names() == [])
      } else {
        #expect(try cable.filters().contains("martlet_direct"))
        #expect(cable.folder.names().count == 1)
      }
      do {
        let director = try cable.director(usesLink: usesLink)
        #expect(try director.trial(of: PacketBuilder().udp()) == nil)
      }
      #expect(try cable.filters() == "" && !cable.hasQdisc())
      #expect(cable.folder.names() == [])
    }
  }
}

/// What `FlowKey` makes of a frame.
private func flow(of frame: [UInt8]) -> FlowKey? {
  // The span lives for the call.
  unsafe frame.withUnsafeBytes { unsafe FlowKey(frame: $0.bytes) }
}

/// A cable near - far in the current namespace, and a folder for records.
struct Cable: Sendable {
  let folder: TemporaryFolder

  init(queueCount: Int) throws {
    folder = try TemporaryFolder()
    _ = try VethPair("near", "far") { $0.queueCount = queueCount }
  }

  func director(usesLink: Bool = true) throws(XDPError) -> FlowDirector {
    try FlowDirector(
      sendingOn: Interface(named: "far"), recordFolder: folder.path, usesLink: usesLink)
  }

  /// What `tc` shows of filters on the sending end.
  func filters() throws -> String {
    try hasQdisc() ? runProgram(["tc", "filter", "show", "dev", "far", "egress"]) : ""
  }

  func hasQdisc() throws -> Bool {
    try runProgram(["tc", "qdisc", "show", "dev", "far"]).contains("clsact")
  }

  /// Waits for the kernel to take the link of a process that has ended: some milliseconds.
  func waitUntilFree() throws {
    for _ in 0..<200 {
      if refusal({ () throws(XDPError) in _ = try director() }) == nil { return }
      usleep(10_000)
    }
  }
}
