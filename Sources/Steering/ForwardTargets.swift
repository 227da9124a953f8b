import CXDP
import SystemPackage
import XSK

/// The interfaces that rules forward to, in the map in which the program looks for them.
///
/// The kernel takes an interface out when it vanishes, and the program leaves to it what was meant
/// to go there. The map never is full: it has a place for each place of a rule.
struct ForwardTargets {
  /// What the object calls it.
  static let mapName = "targets"

  /// What the rules in each place forward to.
  private var interfaces: [UInt32: UInt32] = [:]

  /// Has the program find an interface for the rule in a place.
  ///
  /// Throws `.interfaceGone` if it vanished meanwhile.
  mutating func add(
    _ interface: UInt32, for slot: UInt32, to map: Int32
  ) throws(XDPError) {
    var (key, value) = (interface, interface)
    // The kernel reads four bytes of each. One that is there is left alone: to put another in its
    // place the kernel takes it out for a moment, and packets of rules in force would miss it.
    let result = unsafe bpf_map_update_elem(map, &key, &value, UInt64(BPF_NOEXIST))
    let operation = "forward to interface \(interface)"
    let code = Errno(rawValue: -result)
    guard result == 0 || code == .fileExists else {
      guard code == .invalidArgument || code == .noSuchAddressOrDevice else {
        throw mapError(operation, result)
      }
      throw XDPError(
        .interfaceGone, operation: operation, reason: "it vanished",
        remedy: "name an interface that is there", errno: code)
    }
    interfaces[slot] = interface
  }

  /// Has the program find none but what rules in these places forward to.
  mutating func keep(_ isKept: [Bool], in map: Int32) {
    let before = Set(interfaces.values)
    interfaces = interfaces.filter { isKept[Int($0.key)] }
    for interface in before.subtracting(interfaces.values) {
      var key = interface
      // Four bytes; that it is out already is fine.
      _ = unsafe bpf_map_delete_elem(map, &key)
    }
  }
}
