import CXDP
import Glibc
import SystemPackage
public import XSK

/// Puts packets in front of the network stack as if they had just arrived on an interface.
///
/// What is sent on a socket leaves the interface; nothing but the kernel's own test run of an XDP
/// program, with live frames (Linux 5.18), takes a packet the other way. The program passes
/// everything. It costs a copy and a system call of 10 to 40 microseconds: for single packets, not
/// for a flow. An interface whose own XDP program is attached in generic mode would see them again.
public struct StackInjection: ~Copyable, Sendable {
  private let program: Int32

  /// Loads the program.
  ///
  /// Needs CAP_BPF and CAP_NET_ADMIN.
  public init() throws(XDPError) {
    program = cxdp_load_passing_program()
    guard program >= 0 else { throw loadError(Errno(rawValue: errno), log: "") }
    _ = fcntl(program, F_SETFD, FD_CLOEXEC)
  }

  deinit { close(program) }

  /// Lets a packet arrive; false if the kernel would not: an interface that is gone, fewer than 14
  /// bytes, or more than some 3,500.
  public func inject(_ packet: RawSpan, on interface: Interface) -> Bool {
    // The packet's bytes are read during the call, and their size is given.
    unsafe packet.withUnsafeBytes { bytes in
      unsafe cxdp_inject(program, bytes.baseAddress, UInt32(bytes.count), interface.index) == 0
    }
  }
}
