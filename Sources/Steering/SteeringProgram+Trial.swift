import CXDP
import SystemPackage
public import XSK

extension SteeringProgram {
  /// What the program would do with a packet that arrived on a queue of an attached interface.
  ///
  /// The packet is counted, but goes nowhere (`BPF_PROG_TEST_RUN`). `.socket` only if the queue has
  /// one. Throws `.configuration` below 14 and beyond some 3,500 bytes, which the kernel does not
  /// try, and `.unsupported` under the dispatcher.
  public func trial(
    of packet: [UInt8], interface: Interface, queue: Int = 0
  ) throws(XDPError) -> Action {
    guard !usesDispatcher else {
      throw refusal(.unsupported, "the dispatcher runs the program", "try it where links are used")
    }
    guard packet.count >= 14 else {
      throw refusal(.configuration, "the kernel wants 14 bytes", "try a longer packet")
    }
    // The packet lives for the call, and its size is given.
    let result = unsafe packet.withUnsafeBytes { bytes in
      unsafe cxdp_try_packet(
        bpf_program__fd(object.program), bytes.baseAddress, UInt32(bytes.count), interface.index,
        UInt32(queue))
    }
    guard result >= 0 else {
      throw refusal(
        .system, "\(Errno(rawValue: -result))", "check the queue, the length and the capabilities")
    }
    switch UInt32(result) {
    case XDP_DROP.rawValue: return .drop
    case XDP_REDIRECT.rawValue: return .socket
    default: return .kernel
    }
  }

  private func refusal(_ kind: XDPError.Kind, _ reason: String, _ remedy: String) -> XDPError {
    XDPError(kind, operation: "try a packet", reason: reason, remedy: remedy)
  }
}
