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
    var context = xdp_md()
    context.data_end = UInt32(packet.count)
    context.ingress_ifindex = interface.index
    context.rx_queue_index = UInt32(queue)
    var options = unsafe bpf_test_run_opts()
    unsafe options.sz = MemoryLayout<bpf_test_run_opts>.size
    unsafe options.data_size_in = UInt32(packet.count)
    unsafe options.ctx_size_in = UInt32(MemoryLayout<xdp_md>.size)
    // Packet and context live for the call, and their sizes are given.
    let result = unsafe packet.withUnsafeBytes { bytes in
      unsafe withUnsafePointer(to: &context) { context in
        unsafe options.data_in = unsafe UnsafeRawPointer(bytes.baseAddress)
        unsafe options.ctx_in = unsafe UnsafeRawPointer(context)
        return unsafe bpf_prog_test_run_opts(bpf_program__fd(object.program), &options)
      }
    }
    guard result == 0 else {
      throw refusal(
        .system, "\(Errno(rawValue: -result))", "check the queue, the length and the capabilities")
    }
    switch unsafe options.retval {
    case XDP_DROP.rawValue: return .drop
    case XDP_REDIRECT.rawValue: return .socket
    default: return .kernel
    }
  }

  private func refusal(_ kind: XDPError.Kind, _ reason: String, _ remedy: String) -> XDPError {
    XDPError(kind, operation: "try a packet", reason: reason, remedy: remedy)
  }
}
