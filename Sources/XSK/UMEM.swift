import CXDP
import Glibc
import Synchronization
import SystemPackage

/// Packet memory shared by an application and the kernel: the memory, and its registration.
///
/// The kernel learns of the memory when the first socket is bound and forgets it when the last one
/// is closed (or when a first bind failed): in between every socket shares the one registration,
/// and with it the mode of the first. Nothing here is touched per packet. Any thread may bind and
/// close.
public final class UMEM: Sendable {
  private let given: Configuration
  private let identity: UInt
  private let alignsChunks = Atomic<Bool>(false)
  let region: MemoryRegion
  private let registration = Mutex<Registration?>(nil)

  /// Takes `region` over.
  ///
  /// No kernel contact yet: works without privileges and without AF_XDP.
  ///
  /// Throws `.configuration` where no kernel would take the configuration.
  public init(
    region: consuming MemoryRegion, configuration: Configuration = .init()
  ) throws(XDPError) {
    try configuration.validate(byteCount: region.byteCount)
    identity = unsafe PacketMemory.makeIdentity(at: region.base)
    self.region = region
    given = configuration
  }

  /// How the memory is cut into chunks and how large the rings are.
  public var configuration: Configuration {
    var configuration = given
    if alignsChunks.load(ordering: .relaxed) { configuration.isUnaligned = false }
    return configuration
  }

  /// From the next registration on chunks are aligned, or as the configuration says.
  ///
  /// For memory with no socket on it: what a driver refuses one way it may take the other.
  package func alignChunks(_ alignsChunks: Bool) {
    self.alignsChunks.store(alignsChunks, ordering: .relaxed)
  }

  /// Bytes of memory.
  public var byteCount: Int { region.byteCount }

  /// The sealed memfd of the memory, for handing it to a process that may read it.
  ///
  /// The UMEM owns it.
  public var fileDescriptor: Int32 { region.fileDescriptor }

  /// The part that begins at `address`; nil if none does.
  private func part(at address: UInt64) -> PartFile? {
    region.files.first { UInt64($0.offsets.lowerBound) == address }
  }

  /// Opens the file of the part that begins at `address` for other processes: to read, or to write
  /// if the part is for that.
  ///
  /// Nil if no part begins there or the kernel refuses. The caller owns the descriptor.
  package func openPart(at address: UInt64) -> ReceivedDescriptor? {
    guard let file = part(at: address)?.openForPeers() else { return nil }
    return ReceivedDescriptor(owned: file)
  }

  /// Whether a process that was given the part that begins at `address` may still see it.
  package func isPartSeen(at address: UInt64) -> Bool { part(at: address)?.isSeenByPeers ?? false }

  /// What the memory was got from.
  public var pages: PageKind { region.pages }

  /// Why `pages` is not what was asked for; nil if it is.
  public var fallback: String? { region.fallback }

  /// The bytes, for one owner.
  ///
  /// It keeps the UMEM, and so the mapping, alive.
  package func memory() -> PacketMemory {
    // The region lives as long as this object, which `memory` holds on to.
    unsafe PacketMemory(
      base: region.base, byteCount: region.byteCount, owner: self, identity: identity)
  }

  /// Ends a socket of this UMEM, and with the last one the registration.
  @usableFromInline func close(_ descriptor: Int32) {
    registration.withLock { registration in
      registration?.close(descriptor)
      UMEM.endIfIdle(&registration)
    }
  }
}

extension UMEM {
  /// What a bind failed at.
  enum Step { case socket, register, join, bind }

  /// The outcome of one attempt to bind.
  private enum Attempt {
    case bound(Int32)
    case failed(Step, Errno)
  }

  /// Binds a queue of an interface, registering the memory if this is the first socket.
  ///
  /// The first socket decides the mode for all that follow: a zero-copy socket and a copying one
  /// cannot share memory. A busy queue is tried again for `options.busyTimeout`. Throws with the
  /// step that failed, its reason and what to do; then nothing is left behind, and after the
  /// failure of a first socket no registration either, so another mode can be tried at once. Costs
  /// 0.3 ms and, for the first socket, 0.2 ms a MiB more.
  public func bind(
    _ interface: Interface, queue: Int, mode: BindMode, options: BindOptions = .init()
  ) throws(XDPError) -> Socket {
    let request = BindRequest(interface, queue: queue, mode: mode, options: options, umem: self)
    let name = try request.check()
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: options.busyTimeout)
    while true {
      switch try attempt(request, name) {
      case .bound(let descriptor):
        let rings = registration.withLock { $0?.rings(of: descriptor) }
        guard let rings else { preconditionFailure("a bound socket has a registration") }
        return Socket(
          rings: rings, interface: interface, queue: queue, fileDescriptor: descriptor, umem: self)
      case .failed(let step, let errno):
        // Queues and locked memory are given back by deferred work that no event announces, so
        // this one sleeps: briefly, and within the bound.
        let mayPass =
          (step == .bind && errno == .resourceBusy) || request.mayBeUncharged(step, errno)
        if mayPass, clock.now < deadline {
          usleep(2000)
          continue
        }
        registration.withLock { UMEM.endIfIdle(&$0) }
        throw request.explain(step, errno)
      }
    }
  }

  /// One attempt.
  ///
  /// The registration stays if it fails: the caller may try again.
  private func attempt(_ request: BindRequest, _ name: String) throws(XDPError) -> Attempt {
    let result: Result<Attempt, XDPError> = registration.withLock { registration in
      // libxdp 1.3.1 counts a socket that it could not open as bound: see first whether it can.
      guard OwnedDescriptor(socket(Int32(CXDP_AF_XDP), Int32(SOCK_RAW.rawValue), 0)) != nil else {
        return .success(.failed(.socket, Errno(rawValue: errno)))
      }
      // Not worth registering memory for.
      if registration == nil, let refusal = request.unannounced() { return .failure(refusal) }
      do throws(Errno) {
        if registration == nil { registration = try register() }
      } catch {
        return .success(.failed(.register, error))
      }
      let isHeld = registration?.holds(request.interface.index, queue: request.queue)
      if let conflict = request.conflict(with: registration?.terms, holding: isHeld == true) {
        return .failure(conflict)
      }
      do throws(Errno) { try registration?.reanchor() } catch {
        return .success(.failed(.join, error))
      }
      do throws(Errno) {
        guard
          let bound = try registration?.bind(
            name, request.interface.index, queue: request.queue, terms: request.terms)
        else { preconditionFailure("registered above") }
        return .success(.bound(bound))
      } catch {
        return .success(.failed(.bind, error))
      }
    }
    return try result.get()
  }

  private func register() throws(Errno) -> Registration {
    MemoryLock.raise()
    // The region lives as long as this object, and the registration no longer.
    return unsafe try Registration(
      base: region.base, byteCount: region.byteCount, configuration: configuration)
  }

  private static func endIfIdle(_ registration: inout Registration?) {
    if registration?.isIdle == true { registration = nil }
  }
}
