import Glibc
import Martlet

/// Reads one flow's packets in place, as nobody, until the engine ends it.
///
/// Sees the flow's pages and nothing else: neither other packets nor the engine. What is whole goes
/// on.
func consume(_ flow: FlowKey, path: String) throws(XDPError) {
  try Privileges.giveUp()
  var reader = try FlowReader(connectedTo: path)
  var whole = 0
  var others = 0
  while reader.wait(gathering: 64, for: .milliseconds(2)) {
    reader.forEach { frame in
      guard FlowKey(frame: frame) == flow, isWhole(frame) else {
        others += 1
        return .drop
      }
      whole += 1
      return .forward
    }
  }
  print(
    "\(flow): \(whole) packets, \(others) others, read by user \(geteuid()) with",
    "\(reader.systemCallCount) system calls")
}

/// Whether the checksum of a packet fits its content.
private func isWhole(_ frame: RawSpan) -> Bool {
  guard let pseudo = PseudoHeader(frame: frame) else { return false }
  if let udp = UDP(frame: frame) { return udp.isChecksumValid(pseudo) }
  if let tcp = TCP(frame: frame) { return tcp.isChecksumValid(pseudo) }
  return false
}
