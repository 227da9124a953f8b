import CXDP
import Glibc

/// One AF_XDP socket: the four rings of one queue of one interface.
///
/// Made by `UMEM.bind`, or over rings in plain memory for tests. Owned by one thread at a time,
/// which alone touches `rings`; moving it to another thread is fine. When the value goes, the rings
/// are unmapped and the socket is closed; the kernel frees the queue some 16 to 28 ms later.
@frozen public struct Socket: ~Copyable {
  /// The application's ends of the four rings.
  ///
  /// They end with this socket: exchanging them with another's would leave it with rings that are
  /// gone.
  @usableFromInline package var rings: QueueRings
  /// The interface it is bound to.
  public let interface: Interface
  /// The queue it is bound to.
  public let queue: Int
  /// Whether the NIC itself reads and writes packet memory, as the kernel says (`XDP_OPTIONS`).
  public let isZeroCopy: Bool
  /// The socket's file descriptor, for poll sets and XSKMAPs; -1 for rings in memory.
  ///
  /// The socket owns it.
  public let fileDescriptor: Int32
  /// What the socket is bound through; nil for rings in memory.
  @usableFromInline let umem: UMEM?

  /// A socket without a kernel: `rings` over plain memory, whose other ends someone else plays.
  public init(inMemory rings: consuming QueueRings, named name: String = "memory") {
    self.rings = rings
    interface = Interface(name: name, index: 0)
    queue = 0
    isZeroCopy = false
    fileDescriptor = -1
    umem = nil
  }

  init(
    rings: consuming QueueRings, interface: Interface, queue: Int, fileDescriptor: Int32, umem: UMEM
  ) {
    self.rings = rings
    self.interface = interface
    self.queue = queue
    self.fileDescriptor = fileDescriptor
    self.umem = umem
    isZeroCopy = Socket.isZeroCopy(fileDescriptor)
  }

  deinit {
    // After this nothing touches the rings: they go with the value.
    umem?.close(fileDescriptor)
  }
}

extension Socket {
  /// Most packets that one kick sends in copy mode, if the transmit ring holds as many.
  ///
  /// Some bursts: the kernel sends them on the caller's time, and others wait for theirs.
  public static var widestKick: Int { 256 }

  /// Tells the kernel that the transmit ring has entries.
  ///
  /// One system call, none for rings in memory.
  ///
  /// In copy mode the kernel sends at most `widestKick` packets per call, before Linux 6.17 at most
  /// 32, and answers `.again` where there are more, and it stops silently at an invalid descriptor:
  /// kick until `rings.transmit.pending` is 0, with a bound. A full completion ring also answers
  /// `.again`: drain it first.
  @inlinable public func kick() -> Kick {
    fileDescriptor < 0 ? .done : Self.sendNothing(through: fileDescriptor)
  }

  /// The type's: of a socket itself a copy would be made for the call.
  @usableFromInline @inline(never)
  static func sendNothing(through fileDescriptor: Int32) -> Kick {
    guard sendto(fileDescriptor, nil, 0, Int32(MSG_DONTWAIT), nil, 0) < 0 else {
      return .done
    }
    switch errno {
    case ENETDOWN: return .down
    case ENXIO, EBADF, ENODEV, ENOTSOCK: return .gone
    // EAGAIN, EBUSY and ENOBUFS; and errors of one packet, which is then out of the way.
    default: return .again
    }
  }

  /// The kernel's counters; nil for rings in memory.
  ///
  /// One system call.
  public func statistics() -> SocketStatistics? {
    guard fileDescriptor >= 0 else { return nil }
    var counters = xdp_statistics()
    var length = socklen_t(MemoryLayout<xdp_statistics>.size)
    // The kernel writes at most `length` bytes; what an old one leaves out stays 0.
    let result = unsafe getsockopt(
      fileDescriptor, Int32(CXDP_SOL_XDP), XDP_STATISTICS, &counters, &length)
    guard result == 0 else { return nil }
    return SocketStatistics(
      receiveDropped: counters.rx_dropped, receiveInvalid: counters.rx_invalid_descs,
      transmitInvalid: counters.tx_invalid_descs, receiveRingFull: counters.rx_ring_full,
      fillRingEmpty: counters.rx_fill_ring_empty_descs,
      transmitRingEmpty: counters.tx_ring_empty_descs)
  }

  private static func isZeroCopy(_ socket: Int32) -> Bool {
    var options = xdp_options()
    var length = socklen_t(MemoryLayout<xdp_options>.size)
    // The kernel writes at most `length` bytes.
    let result = unsafe getsockopt(socket, Int32(CXDP_SOL_XDP), XDP_OPTIONS, &options, &length)
    return result == 0 && options.flags & UInt32(XDP_OPTIONS_ZEROCOPY) != 0
  }
}
