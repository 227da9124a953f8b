import CXDP
import Glibc

/// Where the other end of a virtual cable is.
public enum CablePeer: Sendable, Hashable {
  /// In the same network namespace.
  case here(Interface)
  /// In another network namespace.
  case elsewhere
  /// Nowhere: the interface is no end of a virtual cable.
  case none
}

extension Interface {
  /// The other end of this interface's cable, if it is a veth.
  ///
  /// Throws `.interfaceGone` if the interface vanished.
  public func cablePeer() throws(XDPError) -> CablePeer {
    guard driver() == "veth" else { return .none }
    // struct ifinfomsg: four bytes, the index, the flags and their mask.
    let message =
      [UInt8](repeating: 0, count: 4) + [UInt8](native: index) + [UInt8](repeating: 0, count: 8)
    var peer: UInt32?
    var isElsewhere = false
    let failure = Netlink.ask(
      protocol: NETLINK_ROUTE, type: Int32(RTM_GETLINK), flags: 0, payload: message
    ) { _, answer in
      Netlink.attributes(answer.dropFirst(message.count)) { type, value in
        guard value.count >= 4 else { return }
        if Int(type) == Int(IFLA_LINK) { peer = value.native(UInt32.self, at: 0) }
        if Int(type) == Int(IFLA_LINK_NETNSID) { isElsewhere = true }
      }
    }
    if let failure { throw unanswered("find the other end of \(name)", failure) }
    guard let peer, !isElsewhere else { return .elsewhere }
    let named = try? Interface(name: "", index: peer).currentName()
    return named.map { .here(Interface(name: $0, index: peer)) } ?? .elsewhere
  }

  /// The other end of this interface's cable, if it is a veth and that is in the same network
  /// namespace.
  public var peer: Interface? {
    guard let end = try? cablePeer(), case .here(let interface) = end else { return nil }
    return interface
  }

  /// Whether the kernel joins received packets (`ethtool -K IF gro on`); false if it cannot say.
  public var hasGRO: Bool {
    // struct ethtool_value: the command, then the answer.
    var command = [UInt8](native: UInt32(ETHTOOL_GGRO)) + [UInt8](native: UInt32(0))
    return ethtool(&command) == nil && command[...].native(UInt32.self, at: 4) != 0
  }
}
