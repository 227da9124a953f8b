import CXDP
import Glibc
import SystemPackage
import XSK

/// What keeps the director's program in front of an interface.
enum DirectorHold {
  /// A bpf_link's descriptor; it goes with the process.
  case link(Int32)
  /// A filter of the clsact qdisc, which outlives a crash, and whether the qdisc was made for it.
  case filter(madeQdisc: Bool)

  /// The filter's place: below what other programs choose when they let the kernel choose.
  static let handle: UInt32 = 0x4D41
  static let priority: UInt32 = 0x4D41

  /// Attaches by a link, or where the kernel has none (before Linux 6.6) or it is not wanted as a
  /// filter.
  ///
  /// A filter is recorded first.
  init(
    _ program: Int32, _ interface: Interface, usesLink: Bool, _ record: borrowing SettingsRecord
  ) throws(XDPError) {
    if usesLink {
      let link = cxdp_link_egress(program, Int32(interface.index))
      if link >= 0 {
        self = .link(link)
        return
      }
      // What kernels without it answer to an attach type that they do not know.
      let code = Errno(rawValue: -link)
      guard [.invalidArgument, .notSupported, .notSupportedOnSocket].contains(code) else {
        throw DirectorHold.error(interface, code)
      }
    }
    // Written before it is so: after a crash in between the qdisc is removed only if it is empty.
    try record.write([DirectorHold.line(madeQdisc: true)])
    let result = cxdp_make_clsact(Int32(interface.index))
    let isThere = result == -EEXIST
    guard result == 0 || isThere else {
      record.remove()
      throw DirectorHold.error(interface, Errno(rawValue: -result))
    }
    if isThere { try record.write([DirectorHold.line(madeQdisc: false)]) }
    self = .filter(madeQdisc: !isThere)
    let attached = cxdp_attach_egress(
      program, Int32(interface.index), DirectorHold.handle, DirectorHold.priority)
    guard attached == 0 else {
      DirectorHold.removeFilter(of: interface, madeQdisc: !isThere)
      record.remove()
      throw DirectorHold.error(interface, Errno(rawValue: -attached))
    }
  }

  /// Detaches, from whatever is still there.
  func letGo(of interface: Interface, _ record: borrowing SettingsRecord) {
    switch self {
    case .link(let descriptor):
      _ = bpf_link_detach(descriptor)
      close(descriptor)
    case .filter(let madeQdisc):
      DirectorHold.removeFilter(of: interface, madeQdisc: madeQdisc)
      record.remove()
    }
  }

  private static func line(madeQdisc: Bool) -> String { "qdisc \(madeQdisc ? "made" : "there")" }

  /// Removes what a killed process left.
  static func restore(_ interface: Interface, _ record: borrowing SettingsRecord) {
    guard let left = record.left else { return }
    removeFilter(of: interface, madeQdisc: left.contains(line(madeQdisc: true)))
    record.remove()
  }

  private static func removeFilter(of interface: Interface, madeQdisc: Bool) {
    let index = Int32(interface.index)
    let program = cxdp_egress_program(index, handle, priority)
    if program > 0, isDirector(UInt32(program)) {
      _ = cxdp_detach_egress(index, handle, priority)
    }
    if madeQdisc, !hasFilters(interface) { _ = cxdp_remove_clsact(index) }
  }

  /// Whether a program is ours, not somebody's who chose the same place.
  private static func isDirector(_ program: UInt32) -> Bool {
    let descriptor = bpf_prog_get_fd_by_id(program)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return ProgramInformation(of: descriptor)?.name == DirectorObject.programName
  }

  /// Whether the clsact qdisc has filters of anybody's, on either side.
  private static func hasFilters(_ interface: Interface) -> Bool {
    var found = false
    // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS or TC_H_MIN_EGRESS)
    for parent in [UInt32(0xFFFF_FFF2), 0xFFFF_FFF3] {
      // struct tcmsg: the family and padding, the index, handle, parent, priority and protocol.
      let message =
        UInt32(0).machineOrder + interface.index.machineOrder + UInt32(0).machineOrder
        + parent.machineOrder + UInt32(0).machineOrder
      let failure = Netlink.ask(
        protocol: NETLINK_ROUTE, type: Int32(RTM_GETTFILTER), flags: NLM_F_DUMP, payload: message
      ) { _, _ in found = true }
      // Who cannot look leaves it alone.
      if failure != nil { found = true }
    }
    return found
  }

  private static func error(_ interface: Interface, _ code: Errno) -> XDPError {
    let operation = "direct packets that leave \(interface.name)"
    switch code {
    case .notPermitted, .permissionDenied:
      return XDPError(
        .notPermitted, operation: operation, reason: "the kernel does not permit it",
        remedy: "run as root or with CAP_BPF and CAP_NET_ADMIN", errno: code)
    case .noSuchAddressOrDevice, .operationNotSupportedByDevice:
      return interface.gone(operation, code)
    case .noSuchFileOrDirectory, .notSupported, .notSupportedOnSocket, .invalidArgument:
      return XDPError(
        .unsupported, operation: operation,
        reason: "the kernel takes no eBPF program there (\(code))",
        remedy: "use Linux 6.6 or later, or one with CONFIG_NET_CLS_BPF", errno: code)
    default:
      return XDPError(
        .system, operation: operation, reason: "the kernel refuses (\(code))",
        remedy: "look at: tc filter show dev \(interface.name) egress", errno: code)
    }
  }
}
