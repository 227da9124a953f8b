import Glibc
import Martlet
import MartletTestKit

/// Frames of exact length, many to a page, and where each of them was on its way.
extension Lane {
  /// Every packet arrives with the right bytes, and every hop counts as many.
  ///
  /// A second listener has the queue that sockets have unless they ask for more, which is too
  /// short: what it misses, it says itself.
  func transmit() throws -> Outcome {
    var configuration = configuration()
    configuration.packsFrames = true
    var engine = try Engine(configuration)
    let port = try bind(&engine, [QueueName(Self.nic, queue: 0)])[0]
    let tap = try PacketTap(Self.peer, etherType: 0x88B5)
    let deaf = try PacketTap(Self.peer, etherType: 0x88B5, queueByteCount: Self.usualQueue)
    var outcome = Outcome(packets: 1000)
    let frames = (0..<1000).map { Numbered.frame($0, byteCount: 60 + ($0 &* 7) % 200) }
    let before = try Hops.now()
    var pages: Set<UInt64> = []
    try engine.transmit(frames, to: port) { pages.insert($0 / 4096) }
    var arrived: [[UInt8]] = []
    let end = ContinuousClock.now + Self.patience
    while arrived.count < frames.count, ContinuousClock.now < end {
      engine.flush()
      arrived += try tap.receive(frames.count - arrived.count, timeout: .milliseconds(10))
    }
    try demand(engine.drain(timeout: Self.patience), "not every frame came home")
    try engine.demandConserved()
    let hops = try Hops.now().since(before)
    outcome.delivered = arrived.count
    outcome.corrupt = zip(arrived, frames).filter { $0 != $1 }.count
    try demand(try tap.dropCount() == 0, "the listener itself has dropped")
    try demand(hops.isEven(1000), "on the way: \(hops)")
    let heard = try deaf.receive(frames.count, timeout: .zero).count
    let missed = try deaf.dropCount()
    try demand(heard + missed == 1000, "the short queue: \(heard) heard, \(missed) dropped")
    try demand(missed > 0, "the short queue was long enough")
    try demand(pages.count <= 120, "\(pages.count) pages for 1000 frames")
    outcome.note =
      "\(1000 / pages.count) to a page; each hop: \(hops); a listener with the usual queue"
      + " heard \(heard), and its socket dropped the other \(missed)"
    return try outcome.held()
  }
}

extension Lane {
  /// Bytes of a socket's queue, `net.core.rmem_default`: the kernel doubles what it is asked for.
  fileprivate static let usualQueue = 212_992 / 2
}

/// Packets that each hop between the NIC and the listener has counted.
struct Hops: CustomStringConvertible {
  private var counts: [(name: String, packets: Int)]

  /// The NIC's driver, the host's ends of the two cables as the host says on a serial line, and the
  /// driver of the other end.
  static func now() throws -> Hops {
    let nic = ("NIC", try counter(Lane.nic, "tx_packets") + zeroCopyCount(Lane.nic))
    let peer = ("peer", try counter(Lane.peer, "rx_packets"))
    // A real cable counts nothing.
    guard HostLine.isThere else { return Hops(counts: [nic, peer]) }
    let host = try HostLine.ask("hops").split(separator: " ").map { Int($0) ?? -1 }
    try demand(host.count == 2, "the host says \(host)")
    return Hops(counts: [nic, ("host in", host[0]), ("host out", host[1]), peer])
  }

  private static func counter(_ interface: String, _ name: String) throws -> Int {
    let text = try runProgram(["cat", "/sys/class/net/\(interface)/statistics/\(name)"])
    return try unwrap(Int(text.trimmed), "\(interface) \(name): \(text)")
  }

  /// What virtio_net sends for sockets in zero copy it counts apart, by queue: "tx0_xdp_tx", before
  /// Linux 6.10 "tx_queue_0_xdp_tx".
  private static func zeroCopyCount(_ interface: String) throws -> Int {
    let lines = try runProgram(["ethtool", "-S", interface]).split(separator: "\n")
    return lines.reduce(0) { sum, line in
      let words = line.split { $0 == ":" || $0 == " " }
      // Not the sum over all queues, which has no number in its name.
      guard words.count == 2, words[0].hasPrefix("tx"), words[0].hasSuffix("_xdp_tx"),
        words[0].contains(where: \.isNumber)
      else { return sum }
      return sum + (Int(words[1]) ?? 0)
    }
  }

  func since(_ earlier: Hops) -> Hops {
    Hops(
      counts: zip(counts, earlier.counts).map { (name: $0.name, packets: $0.packets - $1.packets) })
  }

  func isEven(_ count: Int) -> Bool { counts.allSatisfy { $0.packets == count } }

  var description: String { counts.map { "\($0.name) \($0.packets)" }.joined(separator: ", ") }
}

/// The third serial line, on which the host answers questions.
enum HostLine {
  /// Whether this is a guest: nobody else has the file that says what is demanded.
  static var isThere: Bool { unsafe access("/lane", F_OK) == 0 }

  static func ask(_ question: String) throws -> String {
    let line = unsafe open("/dev/ttyS2", O_RDWR | O_NOCTTY)
    guard line >= 0 else { throw Failure("no line to the host: errno \(errno)") }
    defer { close(line) }
    let bytes = Array("\(question)\n".utf8)
    // The array's own bytes.
    guard unsafe write(line, bytes, bytes.count) == bytes.count else {
      throw Failure("the line to the host: errno \(errno)")
    }
    var answer: [UInt8] = []
    var byte: UInt8 = 0
    let end = ContinuousClock.now + Lane.patience
    while byte != UInt8(ascii: "\n") {
      var waiting = pollfd(fd: line, events: Int16(POLLIN), revents: 0)
      // One element, and one byte.
      guard unsafe poll(&waiting, 1, 1000) > 0 else {
        try demand(ContinuousClock.now < end, "the host does not answer")
        continue
      }
      guard unsafe read(line, &byte, 1) == 1 else { throw Failure("the host hung up") }
      answer.append(byte)
    }
    return String(decoding: answer, as: UTF8.self).trimmed
  }
}

extension String {
  /// Without white space at its ends.
  var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

func closeDescriptor(_ descriptor: Int32) { close(descriptor) }
