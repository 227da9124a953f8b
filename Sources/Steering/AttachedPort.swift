import CXDP
import Glibc
import XSK

/// An interface that the program is attached to, and what it takes to let go of it.
final class AttachedPort {
  let interface: Interface
  /// Its place in the program's settings and counters.
  let number: Int
  /// Its queues' places among the sockets.
  let sockets: Range<Int>
  let mode: AttachMode
  let attachment: Attachment

  private let hold: Hold
  private let lock: InterfaceLock

  /// What keeps the program on the interface.
  @safe enum Hold {
    /// A bpf_link's descriptor; closing it detaches.
    case link(Int32)
    /// libxdp's handle of the program, which this owns.
    case dispatcher(OpaquePointer)
  }

  init(
    interface: Interface, number: Int, sockets: Range<Int>, mode: AttachMode, hold: Hold,
    lock: consuming InterfaceLock
  ) {
    self.interface = interface
    self.number = number
    self.sockets = sockets
    self.mode = mode
    self.hold = hold
    self.lock = lock
    attachment = if case .link = hold { .link } else { .dispatcher }
  }

  /// Detaches; the lock goes afterwards.
  deinit {
    switch hold {
    case .link(let descriptor):
      close(descriptor)
    case .dispatcher(let program):
      // The handle is this port's own, and it is not used again.
      _ = unsafe xdp_program__detach(program, Int32(interface.index), mode.libxdp, 0)
      unsafe xdp_program__close(program)
    }
  }
}

extension AttachMode {
  /// libxdp's word for it.
  var libxdp: xdp_attach_mode {
    switch self {
    case .native: XDP_MODE_NATIVE
    case .generic: XDP_MODE_SKB
    }
  }

  /// The kernel's flag for it (linux/if_link.h).
  var flag: UInt32 {
    switch self {
    case .native: 1 << 2
    case .generic: 1 << 1
    }
  }
}
