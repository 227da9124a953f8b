import Glibc
import Martlet
import MartletTestKit

/// The NICs of the guest and what is demanded of them.
struct Lane {
  /// The NIC under test, with several queues.
  static let nic = name("MARTLET_NIC", "nic0")
  /// A second one, for forwarding; empty if there is none.
  static let secondNIC = name("MARTLET_NIC2", "nic1")
  /// What is at the other ends of their cables.
  static let peer = name("MARTLET_PEER", "peer0")
  static let secondPeer = name("MARTLET_PEER2", "peer1")

  /// Where one queue is enough: a NIC that has no other, so that nothing can choose.
  static var simple: (nic: String, peer: String) {
    secondNIC.isEmpty ? (nic, peer) : (secondNIC, secondPeer)
  }

  private static func name(_ variable: String, _ standard: String) -> String {
    // A C string that nobody changes meanwhile.
    guard let value = unsafe getenv(variable) else { return standard }
    return unsafe String(cString: value)
  }

  /// Whether the driver has zero copy: then nothing else will do.
  let hasZeroCopy: Bool
  /// Whether its queues can be chosen by its hash.
  let hasHash: Bool

  /// What is demanded, by the words "zero-copy" or "copy", and "hash" or "no-hash"; "auto" is what
  /// the driver offers.
  init(mode: String, hash: String) throws {
    let interface = try Interface(named: Self.nic)
    hasZeroCopy =
      try mode == "auto" ? interface.capabilities().offersZeroCopy : mode == "zero-copy"
    let settings = try? RSSSettings(of: interface)
    hasHash =
      hash == "auto"
      ? settings?.key.isEmpty == false && settings?.queueCount ?? 0 > 2
      : hash == "hash"
  }

  /// The mode that is demanded.
  var mode: ModeRequest { hasZeroCopy ? .zeroCopy : .copy }

  /// Whether the driver repeats packets when frames have run out, and receives into whole KiB: igb
  /// in zero copy, which has to be asked for by name.
  var hasQuirks: Bool { hasZeroCopy && Self.isIGB }

  private static let isIGB = (try? Interface(named: nic).driver()) == "igb"

  /// The smallest chunks that hold every packet.
  var chunkSize: Int { hasQuirks ? 4096 : 2048 }

  /// `base`, with chunks that the driver takes.
  func configuration(
    _ base: Engine.Configuration = Engine.Configuration()
  ) -> Engine.Configuration {
    var configuration = base
    configuration.chunkSize = chunkSize
    return configuration
  }

  /// Waits so long for a packet that should come.
  static let patience = Duration.seconds(8)

  /// Binds queues in the mode that is demanded, and looks whether the kernel says so too.
  func bind(_ engine: inout Engine, _ queues: [QueueName]) throws -> [Port] {
    let ports = try engine.bind(queues, mode: mode)
    for port in ports {
      let report = engine.report(of: port)
      guard report.mode == (hasZeroCopy ? .zeroCopy : .copy) else {
        throw Failure("queue \(report.queue) is \(report.mode.rawValue) (\(report.modeReason))")
      }
    }
    return ports
  }

  func bind(_ engine: inout Engine, group: FlowGroup = .shared) throws -> Port {
    try bind(&engine, [QueueName(Self.simple.nic, queue: 0, group: group)])[0]
  }
}

/// Something is not as it must be.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Throws unless it is so.
func demand(_ isSo: Bool, _ otherwise: @autoclosure () -> String) throws {
  if !isSo { throw Failure(otherwise()) }
}

/// The words with which something is refused; throws if it is not.
func refusal(_ what: String, _ body: () throws(XDPError) -> Void) throws -> XDPError {
  do throws(XDPError) { try body() } catch { return error }
  throw Failure("\(what) is not refused")
}

/// What a scenario saw.
struct Outcome {
  /// Packets sent.
  var packets = 0
  /// Of these, those that arrived where they should.
  var delivered = 0
  /// Packets that lay where they should not.
  var outside = 0
  /// Packets with other bytes than were sent.
  var corrupt = 0
  var note = ""

  /// Throws unless everything arrived as it should.
  func held() throws -> Outcome {
    try demand(
      delivered == packets && outside == 0 && corrupt == 0,
      "\(delivered) of \(packets) delivered, \(outside) outside, \(corrupt) corrupt; \(note)")
    return self
  }
}

extension Engine {
  /// A packet's bytes.
  func content(of frame: borrowing Frame) -> [UInt8] {
    let span = bytes(of: frame)
    return (0..<span.byteCount).map { offset in
      // The span checks the place.
      unsafe span.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
  }

  /// Takes what has arrived at the ports, for each packet once, until `isEnough` or time is up.
  mutating func take(
    from ports: [Port], for limit: Duration = Lane.patience, until isEnough: () -> Bool,
    each: (_ bytes: [UInt8], _ address: UInt64, _ port: Port) -> Void
  ) throws {
    let end = ContinuousClock.now + limit
    while !isEnough(), ContinuousClock.now < end, try wait(timeout: .milliseconds(20)) {
      for port in ports {
        while let frame = receive(from: port) {
          each(content(of: frame), frame.address, port)
          release(frame)
        }
      }
    }
  }

  /// Sends a frame again and again until the first one arrives, and takes all of them: a driver
  /// that was just given frames to receive into may need a while to look.
  mutating func warmUp(_ ports: [Port], by tap: PacketTap, with frame: [UInt8]) throws {
    let end = ContinuousClock.now + Lane.patience
    var count = 0
    while count == 0 {
      try demand(ContinuousClock.now < end, "nothing arrives: \(allPorts.map { report(of: $0) })")
      try tap.send(frame)
      try take(
        from: ports, for: .milliseconds(20), until: { count > 0 }, each: { _, _, _ in count += 1 })
    }
    var before = -1
    while before != count {
      before = count
      try take(
        from: ports, for: .milliseconds(25), until: { false }, each: { _, _, _ in count += 1 })
    }
  }

  /// Sends packets from the other end, some at a time, and takes what arrives of them.
  mutating func pass(
    _ frames: [[UInt8]], by tap: PacketTap, to ports: [Port],
    each: (_ bytes: [UInt8], _ address: UInt64, _ port: Port) -> Void
  ) throws -> Int {
    var count = 0
    for start in stride(from: 0, to: frames.count, by: 32) {
      let some = frames[start..<min(start + 32, frames.count)]
      try tap.send(Array(some))
      try take(
        from: ports, until: { count >= start + some.count },
        each: { bytes, address, port in
          count += 1
          each(bytes, address, port)
        })
      try demand(count >= start + some.count, "\(count) of \(start + some.count) packets arrived")
    }
    return count
  }

  /// Sends packets, each from a frame of its own; `each` is told where they lie.
  mutating func transmit(
    _ packets: [[UInt8]], to port: Port, each: (UInt64) -> Void = { _ in }
  ) throws {
    let end = ContinuousClock.now + Lane.patience
    for packet in packets {
      while true {
        if sendRoom(of: port) > 0, var frame = allocate(byteCount: packet.count) {
          var bytes = mutableBytes(of: &frame)
          for (offset, byte) in packet.enumerated() {
            bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
          }
          each(frame.address)
          send(frame, to: port)
          break
        }
        try demand(ContinuousClock.now < end, "no room to send")
        _ = try wait(timeout: .milliseconds(1))
      }
    }
    flush()
  }

  /// Throws if a frame is lost or in two places.
  func demandConserved() throws {
    if let trouble = firstDisagreement() { throw Failure(trouble) }
  }
}
