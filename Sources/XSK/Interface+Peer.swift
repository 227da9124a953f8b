import CXDP
import Glibc

extension Interface {
  /// The other end of a virtual cable (veth), if it is in the same network namespace.
  public var peer: Interface? {
    // struct ifinfomsg: four bytes, the index, the flags and their mask.
    let message =
      [UInt8](repeating: 0, count: 4) + [UInt8](native: index) + [UInt8](repeating: 0, count: 8)
    var link: UInt32?
    var isElsewhere = false
    let failure = Netlink.ask(
      protocol: NETLINK_ROUTE, type: Int32(RTM_GETLINK), flags: 0, payload: message
    ) { _, answer in
      Netlink.attributes(answer.dropFirst(message.count)) { type, value in
        if Int(type) == Int(IFLA_LINK), value.count >= 4 {
          link = value.native(UInt32.self, at: 0)
        }
        if Int(type) == Int(IFLA_LINK_NETNSID) { isElsewhere = true }
      }
    }
    guard failure == nil, !isElsewhere, let link, link != 0 else { return nil }
    let unnamed = Interface(name: "", index: link)
    return unnamed.currentName().map { Interface(name: $0, index: link) }
  }

  /// Whether the kernel joins received packets (`ethtool -K IF gro on`); false if it cannot say.
  public var hasGRO: Bool {
    // struct ethtool_value: the command, then the answer.
    var command = [UInt8](native: UInt32(ETHTOOL_GGRO)) + [UInt8](native: UInt32(0))
    return ethtool(&command) == nil && command[...].native(UInt32.self, at: 4) != 0
  }
}
