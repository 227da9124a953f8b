import CXDP
import Glibc
import SystemPackage

/// One registration of packet memory with the kernel (libxdp's `xsk_umem`), and the sockets bound
/// through it.
///
/// libxdp binds every socket after the first "shared with the UMEM's file descriptor", which is the
/// first socket itself. Two things follow, and both are settled here:
///
/// - Closing the first socket would not free its queue, for the UMEM's descriptor is the same file.
/// - Once the first socket's device is gone, every further bind fails with `EBADF`.
///
/// So the UMEM's descriptor is only an *anchor*: a second descriptor of some bound socket. The
/// first socket gets a duplicate of its own, and whenever the anchored socket closes or loses its
/// device the anchor is moved (dup3) onto another one that is still bound. Invariant: the anchor
/// names one of `members` as long as there is one. With the last member the registration ends.
@safe struct Registration: ~Copyable, @unchecked Sendable {
  /// What the first socket was bound with, and all others inherit; nil until one is bound.
  private(set) var terms: Terms?
  private let configuration: UMEM.Configuration
  private let umem: OpaquePointer
  /// libxdp's ring structures for the first socket, until it is bound.
  private var firstRings: UnsafeMutablePointer<cxdp_rings>?
  private var members: [Member] = []
  /// The descriptor of the member that the anchor names.
  private var anchored: Int32 = -1

  /// A bound socket.
  @safe private struct Member {
    /// The socket's own descriptor.
    let descriptor: Int32
    let socket: OpaquePointer
    let rings: UnsafeMutablePointer<cxdp_rings>
    let interface: UInt32
    let queue: Int
    /// Whether libxdp leaves the closing of `descriptor` to us.
    let isDuplicate: Bool
  }

  /// What the sockets of one registration have in common.
  struct Terms: Equatable {
    let isZeroCopy: Bool
    let usesMultiBuffer: Bool
  }

  /// Registers `byteCount` bytes at `base`, which outlive the registration.
  @unsafe init(
    base: UnsafeMutableRawPointer, byteCount: Int, configuration: UMEM.Configuration
  ) throws(Errno) {
    var settings = xsk_umem_config()
    settings.fill_size = UInt32(configuration.fillSize)
    settings.comp_size = UInt32(configuration.completionSize)
    settings.frame_size = UInt32(configuration.chunkSize)
    settings.frame_headroom = UInt32(configuration.headroom)
    settings.flags = configuration.isUnaligned ? UInt32(XDP_UMEM_UNALIGNED_CHUNK_FLAG) : 0
    let rings = unsafe Registration.makeRings()
    var created: OpaquePointer?
    // libxdp keeps the two ring pointers until the first socket is bound; they stay until it
    // closes.
    let result = unsafe xsk_umem__create(
      &created, base, UInt64(byteCount), &rings.pointee.fill, &rings.pointee.completion, &settings)
    guard result == 0, let umem = unsafe created else {
      unsafe rings.deallocate()
      throw Errno(rawValue: -result)
    }
    unsafe self.umem = umem
    unsafe firstRings = rings
    self.configuration = configuration
    let anchor = unsafe xsk_umem__fd(umem)
    _ = fcntl(anchor, F_SETFD, FD_CLOEXEC)
  }

  /// Whether nothing is bound through it.
  var isIdle: Bool { members.isEmpty }

  /// Whether `queue` of the interface with this index is bound through it.
  func holds(_ interface: UInt32, queue: Int) -> Bool {
    members.contains { $0.interface == interface && $0.queue == queue }
  }

  deinit {
    precondition(members.isEmpty, "packet memory is unregistered under a bound socket")
    // Unmaps rings that no socket took over, and closes the anchor.
    _ = unsafe xsk_umem__delete(umem)
    unsafe firstRings?.deallocate()
  }

  /// Ring structures with every cursor at 0, which libxdp does not see to.
  @unsafe private static func makeRings() -> UnsafeMutablePointer<cxdp_rings> {
    let rings = UnsafeMutablePointer<cxdp_rings>.allocate(capacity: 1)
    unsafe rings.initialize(to: cxdp_rings())
    return unsafe rings
  }
}

extension Registration {
  /// Binds a socket to a queue and answers with its descriptor.
  ///
  /// Name and index belong together; `terms` are those of the first socket, if there is one, and
  /// `reanchor` was called.
  mutating func bind(
    _ name: String, _ interface: UInt32, queue: Int, terms: Terms
  ) throws(Errno) -> Int32 {
    var settings = xsk_socket_config()
    settings.rx_size = UInt32(configuration.receiveSize)
    settings.tx_size = UInt32(configuration.transmitSize)
    settings.libxdp_flags = UInt32(XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD)
    settings.bind_flags = UInt16(
      XDP_USE_NEED_WAKEUP | (terms.isZeroCopy ? XDP_ZEROCOPY : XDP_COPY)
        | (terms.usesMultiBuffer ? XDP_USE_SG : 0))
    // The first socket must get the very structures the registration was made with (libxdp 1.3.1
    // unmaps rings it still needs otherwise); they stay with the registration if the bind fails.
    let rings = unsafe firstRings ?? Registration.makeRings()
    var created: OpaquePointer?
    // libxdp keeps the four ring pointers until the socket is deleted, and so do we.
    let result = unsafe xsk_socket__create_shared(
      &created, name, UInt32(queue), umem, &rings.pointee.receive, &rings.pointee.transmit,
      &rings.pointee.fill, &rings.pointee.completion, &settings)
    guard result == 0, let socket = unsafe created else {
      if unsafe firstRings == nil { unsafe rings.deallocate() }
      throw Errno(rawValue: -result)
    }
    let isFirst = unsafe firstRings != nil
    unsafe firstRings = nil
    let given = unsafe xsk_socket__fd(socket)
    let descriptor = isFirst ? fcntl(given, F_DUPFD_CLOEXEC, 0) : given
    guard descriptor >= 0 else {
      let failure = Errno(rawValue: errno)
      unsafe xsk_socket__delete(socket)
      unsafe rings.deallocate()
      throw failure
    }
    widenKick(of: descriptor)
    if isFirst {
      (anchored, self.terms) = (descriptor, terms)
    } else {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
    unsafe members.append(
      Member(
        descriptor: descriptor, socket: socket, rings: rings, interface: interface, queue: queue,
        isDuplicate: isFirst))
    return descriptor
  }

  /// Lets one kick send several bursts in copy mode, where the kernel's own bound is 32 packets
  /// (`XDP_MAX_TX_SKB_BUDGET`, Linux 6.17).
  ///
  /// Older kernels refuse.
  private func widenKick(of descriptor: Int32) {
    var budget = UInt32(min(Socket.widestKick, configuration.transmitSize))
    // The kernel reads the number.
    _ = unsafe setsockopt(
      descriptor, Int32(CXDP_SOL_XDP), Int32(CXDP_XDP_MAX_TX_SKB_BUDGET), &budget,
      socklen_t(MemoryLayout<UInt32>.size))
  }

  /// The application's ends of the rings of the socket with that descriptor.
  func rings(of descriptor: Int32) -> QueueRings {
    guard let member = members.first(where: { $0.descriptor == descriptor }) else {
      preconditionFailure("no socket \(descriptor) is bound through this packet memory")
    }
    let c = unsafe member.rings.pointee
    // libxdp mapped the four rings; they stay mapped until `close(descriptor)`.
    return unsafe QueueRings(
      fill: ProducerRing(Registration.memory(c.fill)),
      receive: ConsumerRing(Registration.memory(c.receive)),
      transmit: ProducerRing(Registration.memory(c.transmit)),
      completion: ConsumerRing(Registration.memory(c.completion)))
  }

  /// Unmaps a socket's rings and closes it.
  mutating func close(_ descriptor: Int32) {
    guard let index = members.firstIndex(where: { $0.descriptor == descriptor }) else {
      preconditionFailure("socket \(descriptor) is closed twice")
    }
    let member = members.remove(at: index)
    // If it cannot be, the old anchor's file stays open until the memory goes, and its queue busy.
    if anchored == descriptor, let heir = members.first { try? anchor(heir) }
    // The rings' owner is at its end; libxdp unmaps all four, and closes what is not the anchor.
    unsafe xsk_socket__delete(member.socket)
    if member.isDuplicate { _ = Glibc.close(descriptor) }
    unsafe member.rings.deallocate()
  }

  /// Moves the anchor to a socket whose device is still there, if the present one's is not.
  ///
  /// Throws if no socket has its device any more: nothing can be bound then.
  mutating func reanchor() throws(Errno) {
    if members.isEmpty || Registration.isBound(unsafe xsk_umem__fd(umem)) { return }
    guard let heir = members.first(where: { Registration.isBound($0.descriptor) }) else {
      throw .noSuchAddressOrDevice
    }
    try anchor(heir)
  }

  /// Throws EBADF if the process may have fewer descriptors now than it has.
  private mutating func anchor(_ heir: Member) throws(Errno) {
    // Both descriptors are this registration's own; dup3 puts one file in the place of another.
    let result = unsafe cxdp_dup3(heir.descriptor, xsk_umem__fd(umem), O_CLOEXEC)
    guard result >= 0 else { throw Errno(rawValue: errno) }
    anchored = heir.descriptor
  }

  /// Whether a socket still has its device.
  ///
  /// The kernel answers ENXIO to everything else.
  private static func isBound(_ descriptor: Int32) -> Bool {
    recvfrom(descriptor, nil, 0, Int32(MSG_DONTWAIT), nil, nil) >= 0 || errno != ENXIO
  }
}
