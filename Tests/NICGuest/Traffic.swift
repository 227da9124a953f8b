import CXDP
import Glibc
import MartletTestKit
import Steering
import XSK

/// Keeps a program on the interface that passes all packets: the driver then counts them by queue.
///
/// Packets as such are among ethtool's counters only before Linux 6.10.
func count(_ interface: Interface) throws {
  blockSignals()
  var program = try SteeringProgram(socketCapacity: 8)
  try program.attach(to: interface, mode: .native)
  print("ready")
  fflush(nil)
  while nextSignal() != SIGTERM {}
  program.detach(from: interface)
}

/// Has many flows sent, and compares where they arrive with what table and key say.
///
/// The flows named go to the queues named, and no other flow does that is not of their buckets.
func check(_ interface: Interface, _ wishes: ArraySlice<String>) throws {
  let settings = try RSSSettings(of: interface)
  let named = try wishes.map { try parse($0) }
  var flows = named.map(\.0)
  for port in UInt16(6000)..<6008 {
    flows += [Flow(isVersion6: false, port: port), Flow(isVersion6: true, port: port)]
  }
  let own = Set(named.map(\.1))
  let buckets = Set(try named.map { try settings.bucket(of: $0.0.key) })
  let tap = try PacketTap(Lane.peer)
  var used: Set<Int> = []
  for flow in flows {
    let bucket = try settings.bucket(of: flow.key)
    let counts = try arrivals(flow, 20, interface, tap)
    guard let queue = counts.firstIndex(of: 20), counts.reduce(0, +) == 20 else {
      throw Failure("flow \(flow.name) arrived as \(counts)")
    }
    guard queue == settings.table[bucket] else {
      throw Failure(
        "flow \(flow.name) arrived on queue \(queue), not \(settings.table[bucket])"
          + " (bucket \(bucket))")
    }
    if let wish = named.first(where: { $0.0.name == flow.name }), wish.1 != queue {
      throw Failure("flow \(flow.name) arrived on queue \(queue), not \(wish.1)")
    }
    if own.contains(queue), !buckets.contains(bucket) {
      throw Failure("flow \(flow.name) is a stranger on queue \(queue)")
    }
    used.insert(queue)
  }
  print("\(flows.count) flows arrived where they were computed to, on queues \(used.sorted())")
}

/// How many datagrams of a flow each queue gets.
private func arrivals(
  _ flow: Flow, _ count: Int, _ interface: Interface, _ tap: PacketTap
) throws -> [Int] {
  let before = try packets(interface)
  try tap.send((0..<count).map { Numbered.datagram($0, of: flow, byteCount: 80) })
  let end = ContinuousClock.now + Lane.patience
  while true {
    let counts = zip(try packets(interface), before).map { $0 - $1 }
    if counts.reduce(0, +) >= count { return counts }
    guard ContinuousClock.now < end else { throw Failure("\(flow.name) arrived as \(counts)") }
    usleep(1000)
  }
}

/// The driver's counters of packets that a program saw, by queue.
private func packets(_ interface: Interface) throws -> [Int] {
  let names = interface.names(in: ETH_SS_STATS.rawValue)
  // struct ethtool_stats: cmd, the count, then 64 bits each.
  var answer = words([UInt32(ETHTOOL_GSTATS), UInt32(names.count)])
  answer += [UInt8](repeating: 0, count: 8 * names.count)
  guard interface.ethtool(&answer) == nil else { throw Failure("no counters") }
  var counts: [Int: Int] = [:]
  for (index, name) in names.enumerated() {
    // "rx_queue_0_xdp_packets", and since Linux 6.10 "rx0_xdp_packets".
    let short = name.replacing("rx_queue_", with: "rx")
    guard short.hasPrefix("rx"), short.hasSuffix("_xdp_packets"),
      let queue = Int(short.dropFirst(2).dropLast(12))
    else { continue }
    counts[queue] = Int(answer[...].native(UInt64.self, at: 8 + 8 * index))
  }
  return counts.sorted { $0.key < $1.key }.map(\.value)
}

private func words(_ values: [UInt32]) -> [UInt8] {
  values.flatMap { [UInt8](native: $0) }
}
