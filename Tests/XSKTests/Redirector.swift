import CXDP
import Glibc
import MartletTestKit
import XSK

/// The smallest XDP program that feeds AF_XDP sockets: packets of queue `q` go to the socket in
/// slot `q` of its map, packets of queues without a socket to the kernel.
final class Redirector {
  private let map: Int32
  private let interface: Int32
  private let flags: UInt32

  init(_ interface: Interface, native: Bool) throws {
    self.interface = Int32(bitPattern: interface.index)
    flags = UInt32(native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE)
    // C strings and the instructions live for the length of the calls.
    map = unsafe bpf_map_create(BPF_MAP_TYPE_XSKMAP, "sockets", 4, 4, 64, nil)
    guard map >= 0 else { throw TestKitError("XSKMAP: errno \(-map)") }
    let program: [UInt64] = [
      0x0000_0000_0010_1261,  // r2 = context->rx_queue_index
      0x0000_0000_0000_1118 | UInt64(map) << 32, 0,  // r1 = the map
      0x0000_0002_0000_03b7,  // r3 = XDP_PASS
      0x0000_0033_0000_0085,  // bpf_redirect_map
      0x0000_0000_0000_0095,  // return what it says
    ]
    let loaded = unsafe program.withUnsafeBufferPointer { words in
      unsafe words.withMemoryRebound(to: bpf_insn.self) { instructions in
        unsafe bpf_prog_load(
          BPF_PROG_TYPE_XDP, "redirect", "GPL", instructions.baseAddress, instructions.count, nil)
      }
    }
    guard loaded >= 0 else { throw TestKitError("XDP program: errno \(-loaded)") }
    defer { close(loaded) }
    let attached = bpf_xdp_attach(self.interface, loaded, flags, nil)
    guard attached == 0 else { throw TestKitError("XDP attach: errno \(-attached)") }
  }

  /// Sends the packets of `queue` to the socket with this descriptor.
  func set(queue: Int, to descriptor: Int32) throws {
    var key = UInt32(queue)
    var value = descriptor
    // Both have the four bytes the map wants.
    let result = unsafe bpf_map_update_elem(map, &key, &value, 0)
    guard result == 0 else { throw TestKitError("XSKMAP slot \(queue): errno \(-result)") }
  }

  deinit {
    _ = bpf_xdp_detach(interface, flags, nil)
    close(map)
  }
}
