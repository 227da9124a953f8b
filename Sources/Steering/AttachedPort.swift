import CXDP
import Glibc
import SystemPackage
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

  private(set) var hold: Hold
  private let lock: InterfaceLock

  /// What keeps the program on the interface.
  enum Hold {
    /// A bpf_link's descriptor; closing it detaches.
    case link(Int32)
    /// libxdp's dispatcher, with the kernel's number for it.
    case dispatcher(DispatchedProgram, number: UInt32)
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

  /// Puts another of our programs in the place of the one that it has, by the program's descriptor
  /// or, under the dispatcher, libxdp's handle; nil is success.
  func exchange(for program: Int32, _ handle: DispatchedProgram?) -> Errno? {
    switch hold {
    case .link(let link):
      // The kernel changes one pointer.
      let result = bpf_link_update(link, program, nil)
      return result == 0 ? nil : Errno(rawValue: -result)
    case .dispatcher(let before, _):
      guard let handle else { preconditionFailure("libxdp attaches by a handle") }
      if let code = handle.attach(to: interface, mode) { return code }
      before.detach(from: interface, mode)
      // Without the number libxdp alone can let go of it.
      let present = try? PresentProgram(on: interface)
      hold = .dispatcher(handle, number: present?.identifier ?? 0)
      return nil
    }
  }

  /// Detaches; the lock goes afterwards.
  deinit {
    switch hold {
    case .link(let descriptor):
      // Closing would do if nobody else had the descriptor; a child being started has it for a
      // moment. Gone already if the interface is.
      _ = bpf_link_detach(descriptor)
      close(descriptor)
    case .dispatcher(let program, let dispatcher):
      program.letGo(of: interface, mode, dispatcher: dispatcher)
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
