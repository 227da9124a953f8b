import CXDP
import SystemPackage
public import XSK

extension SteeringProgram {
  /// What the program would do with a packet that arrived on a queue of an attached interface.
  ///
  /// The packet is counted, but goes nowhere (`BPF_PROG_TEST_RUN`). `.socket` only if the queue has
  /// one. Any length from 0 bytes on. Not under the dispatcher.
  public func trial(
    of packet: [UInt8], interface: Interface, queue: Int = 0
  ) throws(XDPError) -> Action {
    // The kernel wants fourteen bytes at least; what stands in front of the packet counts, too.
    let metadata = 16
    let bytes = [UInt8](repeating: 0, count: metadata) + packet
    var context = xdp_md()
    context.data = UInt32(metadata)
    context.data_end = UInt32(bytes.count)
    context.ingress_ifindex = interface.index
    context.rx_queue_index = UInt32(queue)
    var options = unsafe bpf_test_run_opts()
    unsafe options.sz = MemoryLayout<bpf_test_run_opts>.size
    unsafe options.data_size_in = UInt32(bytes.count)
    unsafe options.ctx_size_in = UInt32(MemoryLayout<xdp_md>.size)
    // Packet and context live for the call, and their sizes are given.
    let result = unsafe bytes.withUnsafeBytes { bytes in
      unsafe withUnsafePointer(to: &context) { context in
        unsafe options.data_in = unsafe UnsafeRawPointer(bytes.baseAddress)
        unsafe options.ctx_in = unsafe UnsafeRawPointer(context)
        return unsafe bpf_prog_test_run_opts(bpf_program__fd(object.program), &options)
      }
    }
    guard result == 0 else { throw mapError("try a packet", result) }
    switch unsafe options.retval {
    case XDP_DROP.rawValue: return .drop
    case XDP_REDIRECT.rawValue: return .socket
    default: return .kernel
    }
  }
}
