import CXDP
import Glibc
import SystemPackage
public import XSK

extension SteeringProgram {
  /// What the program says is to become of a packet.
  public enum Verdict: Sendable, Hashable {
    /// To the kernel's network stack (`XDP_PASS`).
    case kernel
    /// Nowhere (`XDP_DROP`).
    case drop
    /// To a socket, or out of another interface, which the kernel does not tell apart
    /// (`XDP_REDIRECT`).
    case redirect
    /// Out of the interface on which it arrived (`XDP_TX`).
    case back
  }

  /// What the program would do with a packet that arrived on a queue of an attached interface.
  ///
  /// The packet is counted, but goes nowhere (`BPF_PROG_TEST_RUN`). To a socket it is redirected
  /// only if the queue has one. Throws `.configuration` below 14 and beyond 65,535 bytes; before
  /// Linux 5.18 the kernel tries some 3,500.
  public func trial(
    of packet: [UInt8], interface: Interface, queue: Int = 0
  ) throws(XDPError) -> Verdict {
    try trial(of: packet, behind: 0, interface: interface, queue: queue)
  }

  /// The same with a packet that has the first `metadata` bytes in front of it: those that another
  /// program, which saw it before, left there.
  package func trial(
    of packet: [UInt8], behind metadata: Int, interface: Interface, queue: Int = 0
  ) throws(XDPError) -> Verdict {
    try Self.checkLength(packet, "try a packet")
    guard asked == nil else {
      throw refusal(
        .unsupported, "the kernel tries no program that is loaded for one device",
        "use explain, which says what rules make of a packet")
    }
    let program = try runnable(interface)
    // The packet lives for the call, and its size is given.
    let result = unsafe packet.withUnsafeBytes { bytes in
      unsafe cxdp_try_packet(
        program.value, bytes.baseAddress, UInt32(bytes.count), UInt32(metadata), interface.index,
        UInt32(queue))
    }
    guard result >= 0 else {
      throw refusal(
        .system, "\(Errno(rawValue: -result))", "check the queue, the length and the capabilities")
    }
    switch UInt32(result) {
    case XDP_DROP.rawValue: return .drop
    case XDP_REDIRECT.rawValue: return .redirect
    case XDP_TX.rawValue: return .back
    default: return .kernel
    }
  }

  /// Throws unless a packet has an Ethernet header, and is no longer than IP has them.
  static func checkLength(_ packet: [UInt8], _ operation: String) throws(XDPError) {
    guard !(14...65_535).contains(packet.count) else { return }
    throw XDPError(
      .configuration, operation: operation,
      reason: "a packet has 14 bytes at least and 65535 at most, not \(packet.count)",
      remedy: "take a packet of the same headers and another length")
  }

  /// What the kernel runs for packets of the interface: under the dispatcher that, else the
  /// program.
  private func runnable(_ interface: Interface) throws(XDPError) -> ProgramDescriptor {
    let attached = usesDispatcher ? try PresentProgram(on: interface)?.identifier : nil
    let value =
      if let attached { bpf_prog_get_fd_by_id(attached) } else {
        fcntl(programDescriptor, F_DUPFD_CLOEXEC, 0)
      }
    guard value >= 0 else {
      throw refusal(.system, "\(Errno(rawValue: errno))", "attach the program first")
    }
    return ProgramDescriptor(value: value)
  }

  private func refusal(_ kind: XDPError.Kind, _ reason: String, _ remedy: String) -> XDPError {
    XDPError(kind, operation: "try a packet", reason: reason, remedy: remedy)
  }
}

/// A descriptor of a program, closed with its owner.
private struct ProgramDescriptor: ~Copyable {
  let value: Int32

  deinit { close(value) }
}
