import SystemPackage

/// One request to bind a queue: what is asked, what is checked before, and what a refusal means.
struct BindRequest {
  let interface: Interface
  let queue: Int
  let mode: BindMode
  let options: BindOptions
  private let configuration: UMEM.Configuration
  private let byteCount: Int

  init(_ interface: Interface, queue: Int, mode: BindMode, options: BindOptions, umem: UMEM) {
    self.interface = interface
    self.queue = queue
    self.mode = mode
    self.options = options
    configuration = umem.configuration
    byteCount = umem.byteCount
  }

  private var operation: String { "bind \(interface.name) queue \(queue)" }

  private func error(
    _ kind: XDPError.Kind, _ reason: String, _ remedy: String, _ errno: Errno? = nil
  ) -> XDPError {
    XDPError(kind, operation: operation, reason: reason, remedy: remedy, errno: errno)
  }

  /// Looks at what the kernel would refuse without saying why.
  ///
  /// Answers with the interface's present name.
  func check() throws(XDPError) -> String {
    let name: String
    do {
      name = try interface.currentName()
    } catch {
      throw interface.unanswered(operation, error)
    }
    if interface.state() == .down { throw down(nil) }
    // A socket on a queue that only sends would get no packets, and the kernel would not say so.
    let count = try interface.queueCounts().receive
    guard queue >= 0, queue < count else {
      let range = count == 1 ? "1 queue, number 0" : "\(count) queues, numbers 0 to \(count - 1)"
      throw error(.noSuchQueue, "\(interface.name) has \(range)", "choose one of these")
    }
    let largest = try checkPacketSize()
    try checkQuirks(largest)
    return name
  }

  /// The refusal of zero copy that the driver does not announce, which the kernel goes by too; nil
  /// where it may be tried.
  func unannounced() -> XDPError? {
    guard mode == .zeroCopy, let capabilities = try? interface.capabilities() else { return nil }
    let isOffered =
      capabilities.offersZeroCopy
      && (!options.usesMultiBuffer || capabilities.zeroCopySegments != 1)
    return isOffered ? nil : refusedZeroCopy(.notSupportedOnSocket)
  }

  /// What the driver announces, or why that is not known, for people.
  private var announcement: String {
    do throws(XDPError) { return "\(try interface.capabilities())" } catch { return error.reason }
  }

  /// Bytes of the longest packet of the interface; throws if no chunk holds it.
  private func checkPacketSize() throws(XDPError) -> Int {
    // An Ethernet header and two VLAN tags come on top of the MTU.
    let largest = try interface.mtu() + 14 + 8
    guard largest > configuration.largestPacket, !options.usesMultiBuffer else { return largest }
    let holds =
      "packets of \(interface.name) have up to \(largest) bytes"
      + " and a chunk holds \(configuration.largestPacket)"
    let fits = largest <= 4096 - configuration.headroom - 256
    throw error(
      .packetTooLong, holds,
      fits ? "use chunks of 4096 bytes or multi-buffer" : "use multi-buffer or lower the MTU")
  }

  /// Refuses zero copy where the driver would take it and spoil packets.
  private func checkQuirks(_ largest: Int) throws(XDPError) {
    guard mode == .zeroCopy, !options.usesMultiBuffer else { return }
    let quirks = interface.quirks
    let driver = interface.driver() ?? "unknown"
    if quirks.repeatsWhenDry, configuration.isUnaligned {
      throw error(
        .modeRefused,
        "driver \(driver) spoils the kernel's memory when unaligned chunks have run out",
        "use aligned chunks or copy mode")
    }
    let whole = quirks.largestWhole(of: configuration.largestPacket)
    guard largest > whole else { return }
    throw error(
      .modeRefused,
      "driver \(driver) cuts up packets of more than \(whole) bytes in chunks of"
        + " \(configuration.chunkSize), and \(interface.name) has some of \(largest)",
      "use chunks of 4096 bytes, a lower MTU or copy mode")
  }

  /// What every socket on one registration must agree on.
  var terms: Registration.Terms {
    .init(isZeroCopy: mode == .zeroCopy, usesMultiBuffer: options.usesMultiBuffer)
  }

  /// Why the request cannot join the sockets that are bound already; nil if it can.
  func conflict(with others: Registration.Terms?, holding isHeld: Bool) -> XDPError? {
    if isHeld {
      return error(
        .queueBusy, "this packet memory is bound to the queue already", "use the socket there is")
    }
    guard let others, others != terms else { return nil }
    let theirs =
      (others.isZeroCopy ? "zero-copy" : "copy")
      + (others.usesMultiBuffer ? " with multi-buffer" : "")
    return error(
      .configuration, "the other sockets on this packet memory are \(theirs)",
      "bind all of them alike, or use another UMEM")
  }

  /// Whether the refusal may only mean that memory unpinned a moment ago is still charged.
  func mayBeUncharged(_ step: UMEM.Step, _ errno: Errno) -> Bool {
    guard step == .register, errno == .noBufferSpace else { return false }
    return MemoryLock.current().map { $0 >= byteCount } ?? true
  }

  private func down(_ errno: Errno?) -> XDPError {
    error(
      .interfaceDown, "\(interface.name) is not up", "run: ip link set dev \(interface.name) up",
      errno)
  }
}

extension BindRequest {
  /// What the kernel's refusal means, and what to do about it.
  func explain(_ step: UMEM.Step, _ errno: Errno) -> XDPError {
    switch step {
    case .socket: explainSocket(errno)
    case .register: explainRegister(errno)
    case .join where errno == .noSuchAddressOrDevice:
      error(
        .interfaceGone, "every interface bound with this packet memory is gone",
        "close their sockets first", errno)
    case .join:
      error(
        .system, "the memory cannot be handed to another socket (\(errno))",
        "look at the limits (ulimit -n)", errno)
    case .bind: explainBind(errno)
    }
  }

  private func explainSocket(_ errno: Errno) -> XDPError {
    switch errno {
    case .notPermitted, .permissionDenied:
      error(
        .notPermitted, "an AF_XDP socket takes the capability CAP_NET_RAW",
        "run as root or grant all it takes: "
          + "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_perfmon+ep PROGRAM", errno)
    case .addressFamilyNotSupported, .protocolNotSupported:
      error(
        .unsupported, "this kernel has no AF_XDP sockets", "use one with CONFIG_XDP_SOCKETS=y",
        errno)
    default: error(.system, "no AF_XDP socket (\(errno))", "look at the limits (ulimit -a)", errno)
    }
  }

  private func explainRegister(_ errno: Errno) -> XDPError {
    let size = "\(byteCount >> 10) KiB"
    switch errno {
    case .noBufferSpace:
      let limit = MemoryLock.current().map { "\($0 >> 10) KiB" } ?? "less"
      return error(
        .memoryLimit, "pinning \(size) of packet memory exceeds RLIMIT_MEMLOCK (\(limit))",
        "grant CAP_IPC_LOCK, raise the limit (ulimit -l) or use less memory", errno)
    case .noMemory:
      return error(.memoryLimit, "no memory to register \(size)", "use less packet memory", errno)
    case .invalidArgument:
      let kind = configuration.isUnaligned ? "unaligned" : "aligned"
      return error(
        .unsupported,
        "this kernel refuses \(kind) chunks of \(configuration.chunkSize) bytes"
          + " with \(configuration.headroom) of headroom",
        configuration.isUnaligned ? "use aligned chunks of 2048 or 4096" : "use less headroom",
        errno)
    default:
      return error(
        .system, "registering \(size) of packet memory failed (\(errno))",
        "look at the limits (ulimit -a)", errno)
    }
  }

  private func explainBind(_ errno: Errno) -> XDPError {
    let driver = interface.driver() ?? "unknown"
    switch errno {
    case .resourceBusy:
      let programs = QueueHolder.candidates().prefix(4).joined(separator: ", ")
      return error(
        .queueBusy, "another AF_XDP socket holds the queue",
        programs.isEmpty
          ? "stop its program or choose another queue"
          : "stop its program (running: \(programs)) or choose another queue", errno)
    case .networkDown: return down(errno)
    case .operationNotSupportedByDevice: return interface.gone(operation, errno)
    case .notPermitted, .permissionDenied:
      return explainSocket(errno)
    case _ where mode == .zeroCopy:
      // Drivers have many ways to say no; each of them leaves copy mode.
      return refusedZeroCopy(errno)
    case .notSupported, .notSupportedOnSocket:
      return error(.unsupported, "driver \(driver) refuses (\(errno))", "try another mode", errno)
    case .invalidArgument where options.usesMultiBuffer:
      return error(
        .unsupported, "the kernel refuses multi-buffer", "use Linux 6.6 or newer, or lower the MTU",
        errno)
    case .invalidArgument:
      return error(
        .system, "the kernel refuses the queue or the rings (\(errno))",
        "check that the queue is in use: ethtool -l \(interface.name)", errno)
    default: return error(.system, "the kernel refuses (\(errno))", "try another mode", errno)
    }
  }

  private func refusedZeroCopy(_ errno: Errno) -> XDPError {
    let driver = interface.driver() ?? "unknown"
    switch errno {
    case .notSupported, .notSupportedOnSocket:
      let what = options.usesMultiBuffer ? "zero copy with multi-buffer" : "zero copy"
      return error(
        .modeRefused, "driver \(driver) of this kernel does not offer \(what): \(announcement)",
        "use copy mode", errno)
    default:
      return error(
        .modeRefused, "driver \(driver) refuses zero copy for this memory or device (\(errno))",
        "use copy mode; virtio_net needs iommu_platform, most drivers a queue pair and MTU <= 1500",
        errno)
    }
  }
}
