import CXDP
import Glibc

extension Interface {
  /// How many receive and transmit queues the interface has at present.
  ///
  /// Asks the driver (`ETHTOOL_GCHANNELS`), and where it does not say, rtnetlink. Both look into
  /// the calling thread's network namespace; `/sys/class/net` shows the one it was mounted in.
  /// Throws `.interfaceGone` if it vanished.
  public func queueCounts() throws(XDPError) -> (receive: Int, transmit: Int) {
    // struct ethtool_channels: cmd, four limits, then the present rx, tx, other and combined
    // counts.
    var channels = [UInt8](native: UInt32(ETHTOOL_GCHANNELS)) + [UInt8](repeating: 0, count: 32)
    if ethtool(&channels) == nil {
      let combined = channels[...].native(UInt32.self, at: 32)
      let receive = Int(channels[...].native(UInt32.self, at: 20) + combined)
      let transmit = Int(channels[...].native(UInt32.self, at: 24) + combined)
      if receive + transmit > 0 { return (receive, transmit) }
    }
    return try queueCountsFromNetlink()
  }

  /// The counts the interface was made with (`IFLA_NUM_RX_QUEUES`): right for drivers without
  /// channels.
  private func queueCountsFromNetlink() throws(XDPError) -> (receive: Int, transmit: Int) {
    // struct ifinfomsg: four bytes, the index, the flags and their mask.
    let message =
      [UInt8](repeating: 0, count: 4) + [UInt8](native: index) + [UInt8](repeating: 0, count: 8)
    var counts = (receive: 1, transmit: 1)
    let failure = Netlink.ask(
      protocol: NETLINK_ROUTE, type: Int32(RTM_GETLINK), flags: 0, payload: message
    ) { _, answer in
      Netlink.attributes(answer.dropFirst(message.count)) { type, value in
        guard value.count >= 4 else { return }
        let number = Int(value.native(UInt32.self, at: 0))
        if Int(type) == Int(IFLA_NUM_RX_QUEUES) { counts.receive = number }
        if Int(type) == Int(IFLA_NUM_TX_QUEUES) { counts.transmit = number }
      }
    }
    if let failure { throw unanswered("count the queues of \(name)", failure) }
    return counts
  }
}
