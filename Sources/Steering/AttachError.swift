import Glibc
import SystemPackage
import XSK

/// Why an interface does not take the program, from the kernel's answer.
func attachError(_ code: Errno, to interface: String, mode: AttachMode) -> XDPError {
  func error(_ kind: XDPError.Kind, _ reason: String, _ remedy: String) -> XDPError {
    XDPError(
      kind, operation: "attach to \(interface) in \(mode) mode", reason: reason, remedy: remedy,
      errno: code)
  }
  switch code {
  case .notPermitted, .permissionDenied:
    return error(
      .notPermitted, "the kernel does not permit it",
      "run as root or with CAP_BPF and CAP_NET_ADMIN")
  case .noSuchAddressOrDevice, Errno(rawValue: ENODEV):
    return error(.interfaceGone, "the interface is gone", "look it up again once it is back")
  case .resourceBusy, .fileExists:
    return error(
      .foreignProgram, "another XDP program came first, or holds the other mode",
      "look at it with: ip link show dev \(interface)")
  case .outOfRange:
    return error(
      .packetTooLong, "its MTU is too large for a program that takes only packets of one fragment",
      "lower the MTU, or accept packets of several fragments")
  case .noSpace:
    return error(
      .modeRefused,
      "the driver lacks queues: a veth needs as many receive queues as its peer sends on",
      "use generic mode, or: ethtool -L \(interface) rx N")
  case .notSupported, .notSupportedOnSocket:
    return error(
      .modeRefused, "the driver cannot run XDP programs, or not as the interface is set up",
      "use generic mode, or turn LRO and hardware GRO off")
  case .invalidArgument:
    return error(
      .modeRefused, "the driver refuses the program as the interface is set up",
      "use generic mode, or lower the MTU")
  default:
    return error(.system, "\(code)", "look at the kernel's log")
  }
}
