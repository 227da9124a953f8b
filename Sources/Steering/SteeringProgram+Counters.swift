import CXDP
public import XSK

extension SteeringProgram {
  /// What the program did with the packets of one interface, over all CPUs and queues.
  ///
  /// One system call.
  public func counters(of interface: Interface) throws(XDPError) -> SteeringCounters {
    var sum = SteeringCounters()
    guard let port = port(interface) else { return sum }
    var key = UInt32(port.number)
    var words = [UInt64](repeating: 0, count: 4 * cpuCount)
    // The kernel writes four words for each possible CPU.
    let result = unsafe bpf_map_lookup_elem(object.counters, &key, &words)
    guard result == 0 else { throw mapError("read the counters of \(interface.name)", result) }
    for first in stride(from: 0, to: words.count, by: 4) {
      sum.kernel += words[first]
      sum.socket += words[first + 1]
      sum.noSocket += words[first + 2]
      sum.dropped += words[first + 3]
    }
    return sum
  }

  /// A port starts from zero, also when another interface had its number before.
  func resetCounters(_ number: Int) {
    var key = UInt32(number)
    let zeros = [UInt64](repeating: 0, count: 4 * cpuCount)
    // The kernel reads four words for each possible CPU.
    _ = unsafe bpf_map_update_elem(object.counters, &key, zeros, 0)
  }

  private var cpuCount: Int { max(1, Int(libbpf_num_possible_cpus())) }
}
