import MartletTestKit
import Testing
import XSK

@testable import Steering

/// When packets of the first two ports may go to their sockets with nothing asked.
///
/// Whether they do is seen by the instructions that it takes.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct FastPathTests {
  private static let udp = PacketBuilder().udp()
  private static let toSocket = [Rule(.everything, .socket)]
  /// The same rules once more, to be confirmed.
  private static let again = RuleChange(
    [.removeAll, .add(Rule(.everything, .socket))], confirmWithin: .seconds(60))

  /// The most instructions of the fast path, which InstructionTests hold: the second port's.
  private static let longest = 36

  private static func expect(
    _ isFast: Bool, _ change: String, at ports: [Interpreter],
    _ location: SourceLocation = #_sourceLocation
  ) throws {
    for port in ports {
      #expect(try port.run() == 4, "\(change)", sourceLocation: location)
      #expect((port.executed <= longest) == isFast, "\(change)", sourceLocation: location)
    }
  }

  @Test("Whatever has to be asked closes it, and it opens when nothing has to be any more")
  func opensAndCloses() async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      let far = try Interface(named: "far")
      try bench.program.setRules(Self.toSocket)
      try bench.program.attach(to: far, mode: .native)
      let ports = try [bench.near, far].map { try Interpreter(bench.program, Self.udp, $0) }
      try Self.expect(true, "an interface that comes when the rules are there", at: ports)
      try bench.program.setHeartbeat(.seconds(60))
      try Self.expect(false, "a heartbeat", at: ports)
      try bench.program.setHeartbeat(nil)
      try Self.expect(true, "a heartbeat no more", at: ports)
      try bench.program.apply(Self.again)
      try Self.expect(false, "a change that is not confirmed", at: ports)
      try bench.program.confirm()
      try Self.expect(true, "a change that is confirmed", at: ports)
      try bench.program.apply(Self.again)
      bench.program.rollBack()
      try Self.expect(true, "a change that is undone", at: ports)
      bench.program.object.settings.setFallback(bench.program.word, deadline: 1 << 62)
      try Self.expect(false, "a deadline with nothing in its lower half", at: ports)
      bench.program.object.settings.clearDeadline()
      for action in [Action.kernel, .drop] {
        try bench.program.setRules([Rule(.everything, action)])
        for port in ports { #expect(try port.run() == (action == .drop ? 1 : 2)) }
      }
      try bench.program.setRules(Self.toSocket)
      try Self.expect(true, "other rules before", at: ports)
    }
  }

  @Test("Of two reasons that close it both must go", arguments: [true, false])
  func twoReasons(isConfirmedFirst: Bool) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      try bench.program.setRules(Self.toSocket)
      try bench.program.setHeartbeat(.seconds(60))
      try bench.program.apply(Self.again)
      let far = try Interface(named: "far")
      try bench.program.attach(to: far, mode: .native)
      let ports = try [bench.near, far].map { try Interpreter(bench.program, Self.udp, $0) }
      try Self.expect(false, "a heartbeat and a change that is not confirmed", at: ports)
      if isConfirmedFirst {
        try bench.program.confirm()
      } else {
        try bench.program.setHeartbeat(nil)
      }
      try Self.expect(false, "one reason is left", at: ports)
      if isConfirmedFirst {
        try bench.program.setHeartbeat(nil)
      } else {
        try bench.program.confirm()
      }
      try Self.expect(true, "none is left", at: ports)
    }
  }

  @Test("A number's fast path goes with its interface, and passes to the next", arguments: 0..<2)
  func goesWithItsInterface(number: Int) async throws {
    try await withNetworkNamespace {
      var bench = try Bench(queueCount: 1)
      _ = try VethPair("third", "peer")
      let (far, third) = (try Interface(named: "far"), try Interface(named: "third"))
      try bench.program.setRules(Self.toSocket)
      try bench.program.attach(to: far, mode: .native)
      let leaving = [bench.near, far][number]
      let old = try Interpreter(bench.program, Self.udp, leaving)
      try Self.expect(true, "attached", at: [old])
      bench.program.detach(from: leaving)
      #expect(try old.run() == 2 && old.executed > Self.longest)
      try bench.program.attach(to: third, mode: .native)
      try Self.expect(true, "attached next", at: [try Interpreter(bench.program, Self.udp, third)])
      #expect(try old.run() == 2 && old.executed > Self.longest)
    }
  }

  @Test("It is for all to sockets without a rule to ask")
  func words() {
    func isToSocket(set: Int?, _ action: UInt32) -> Bool {
      SteeringWord(set: set, defaultAction: action, number: 5).isToSocket
    }
    #expect(isToSocket(set: nil, 1))
    for set in 0..<8 { #expect(!isToSocket(set: set, 1)) }
    for action: UInt32 in [0, 2, 3, 9] { #expect(!isToSocket(set: nil, action)) }
  }
}
