import MartletTestKit
import Testing
import XSK

@testable import Steering

/// A program attached to one end of a veth pair, with a socket on queue 0.
struct Bench: ~Copyable {
  var program: SteeringProgram
  let near: Interface
  let pair: VethPair
  let socket: Socket

  /// How many sets of tables were left and are not free again, as far as the program knows.
  func leftCount() -> Int { program.engine?.leftCount() ?? 0 }

  /// Everything in the current namespace.
  init(
    queueCount: Int = 2, mode: AttachMode = .native, flowCacheSize: Int = 16_384
  ) throws {
    let pair = try VethPair("near", "far") { $0.queueCount = queueCount }
    let near = try Interface(named: "near")
    let umem = try UMEM(region: MemoryRegion(byteCount: 1 << 20))
    let socket = try umem.bind(near, queue: 0, mode: .copy)
    var program = try SteeringProgram(socketCapacity: 8, flowCacheSize: flowCacheSize)
    try program.attach(to: near, mode: mode)
    try program.register(socket: socket.fileDescriptor, interface: near, queue: 0)
    self.program = program
    self.near = near
    self.pair = pair
    self.socket = socket
  }

  /// What becomes of a packet, as a rule would say it: redirected is `.socket`, also where a rule
  /// forwards.
  func trial(_ packet: [UInt8], queue: Int = 0) throws -> Action {
    action(of: try program.trial(of: packet, interface: near, queue: queue))
  }

  /// The same for a packet that another program has put something in front of.
  func trialBehindMetadata(_ packet: [UInt8]) throws -> Action {
    let bytes = [UInt8](repeating: 7, count: 8) + packet
    return action(of: try program.trial(of: bytes, behind: 8, interface: near))
  }

  private func action(of verdict: SteeringProgram.Verdict) -> Action {
    switch verdict {
    case .kernel: .kernel
    case .drop: .drop
    case .redirect: .socket
    case .back: .back
    }
  }
}

let sockets = KernelFeature.sockets
let needsSockets: Comment = Comment(rawValue: sockets.reason)
