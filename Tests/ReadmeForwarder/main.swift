import Martlet

var forwarder = try Forwarder("eth0", "eth1")
try forwarder.run { packet in
  guard var ip = packet.ipv4 else { return .forward }  // ARP, IPv6 and the rest pass as they are
  guard ip.timeToLive > 1 else { return .drop }
  ip.decrementTimeToLive()
  return .forward
}
