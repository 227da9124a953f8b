internal import CXDP
internal import Glibc
internal import SystemPackage

/// One of the eBPF programs of `bpf/traffic.bpf.c`, with maps of its own: a source of frames, a
/// sink, a way back, or a count.
///
/// Needs `CAP_BPF` and `CAP_NET_ADMIN`. It hangs on nothing any more when this object goes.
@safe public final class TrafficProgram {
  /// Which program.
  public enum Kind: String, Sendable {
    /// Writes the frame and sends it; for `send`.
    case generate
    /// Counts and drops.
    case sink
    /// Passes all to the stack. An interface polls for frames that others redirect to it only if it
    /// has a program, or GRO.
    case pass
    /// Sends back with the MAC addresses swapped.
    case reflect
    /// Sends out of the interface of the plan.
    case forward
    /// Counts the system calls of the plan's process.
    case calls
  }

  /// What is sent, where what arrives goes, and whose system calls count.
  public struct Plan: Sendable {
    /// Where the program sends to, an interface's number.
    public var interface = 0
    /// Flows to send, a power of two.
    public var flows = 1
    /// Whose system calls count.
    public var process: Int32 = 0
    /// The first 64 bytes of each frame.
    public var head: [UInt8] = []

    /// Nothing anywhere.
    public init() {}
  }

  private let object: OpaquePointer
  private let program: OpaquePointer
  private var links: [Int32] = []
  private var head: [UInt8] = .init(repeating: 0, count: 64)

  /// Loads the program.
  public init(_ kind: Kind) throws {
    let bytes = PackageResources.traffic_bpf_o
    // Process-wide: what it would print is in the errors.
    _ = unsafe libbpf_set_print(nil)
    // libbpf copies what it keeps of the bytes and the name before it returns.
    let opened = unsafe bytes.withUnsafeBytes {
      unsafe cxdp_open_object($0.baseAddress, $0.count, "traffic", nil, 0)
    }
    guard let object = unsafe opened else {
      throw TestKitError("open traffic.bpf.o: \(Errno(rawValue: errno))")
    }
    unsafe self.object = object
    var next = unsafe bpf_object__next_program(object, nil)
    var found: OpaquePointer?
    while let program = unsafe next {
      let isIt = unsafe String(cString: bpf_program__name(program)) == kind.rawValue
      _ = unsafe bpf_program__set_autoload(program, isIt)
      if isIt { unsafe found = program }
      unsafe next = bpf_object__next_program(object, program)
    }
    guard let program = unsafe found else {
      preconditionFailure("the embedded object has no program \(kind.rawValue)")
    }
    unsafe self.program = program
    let result = unsafe bpf_object__load(object)
    guard result == 0 else {
      unsafe bpf_object__close(object)
      throw TestKitError("load \(kind.rawValue): \(Errno(rawValue: -result))")
    }
  }

  deinit {
    detach()
    unsafe bpf_object__close(object)
  }

  /// Hangs it on an interface of the calling thread's namespace, until `detach`.
  ///
  /// Generic mode asks nothing of the driver.
  public func attach(to interface: String, isGeneric: Bool = false) throws {
    let number = try interfaceNumber(interface)
    let flags = UInt32(isGeneric ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE)
    let link = cxdp_link_program(descriptor, Int32(number), flags)
    guard link >= 0 else {
      throw TestKitError("attach to \(interface): \(Errno(rawValue: -link))")
    }
    links.append(link)
  }

  /// Hangs the count of system calls on the kernel's tracepoint, until `detach`.
  public func attachToSystemCalls() throws {
    let link = unsafe bpf_raw_tracepoint_open("sys_enter", descriptor)
    guard link >= 0 else { throw TestKitError("trace calls: \(Errno(rawValue: -link))") }
    links.append(link)
  }

  /// Takes it off everything it hangs on.
  public func detach() {
    for link in links {
      bpf_link_detach(link)
      close(link)
    }
    links = []
  }

  /// Changes what it does from now on.
  public func follow(_ plan: Plan) throws {
    precondition(plan.flows.nonzeroBitCount == 1, "\(plan.flows) flows: no power of two")
    if plan.head.count == 64 { head = plan.head }
    var value = [UInt32(plan.interface), UInt32(plan.flows - 1), UInt32(plan.process), 0]
      .flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    value += head
    var key: UInt32 = 0
    // Key and value have the sizes of the map's.
    let result = unsafe bpf_map_update_elem(map("plans"), &key, &value, 0)
    guard result == 0 else { throw TestKitError("plan: \(Errno(rawValue: -result))") }
  }

  /// Packets, or calls, that it counted on all processors.
  public var count: UInt64 {
    var key: UInt32 = 0
    var values = [UInt64](repeating: 0, count: Int(libbpf_num_possible_cpus()))
    // A value per possible processor.
    _ = unsafe bpf_map_lookup_elem(map("counts"), &key, &values)
    return values.reduce(0, &+)
  }

  /// Sends `count` frames through the program, in batches of 64 (`BPF_F_TEST_XDP_LIVE_FRAMES`).
  ///
  /// From the calling thread, hence on its processor. Costs some 60 ns a frame, if the program
  /// hangs on an interface besides.
  public func send(_ count: Int) throws {
    // The kernel reads the bytes of the array.
    let result = unsafe cxdp_send_live(descriptor, head, UInt32(head.count), UInt32(count), 64)
    guard result == 0 else { throw TestKitError("send: \(Errno(rawValue: -result))") }
  }

  private var descriptor: Int32 { unsafe bpf_program__fd(program) }

  private func map(_ name: String) -> Int32 {
    unsafe bpf_map__fd(bpf_object__find_map_by_name(object, name))
  }
}

/// The number of an interface of the calling thread's namespace.
public func interfaceNumber(_ name: String) throws -> Int {
  let number = unsafe if_nametoindex(name)
  guard number != 0 else { throw TestKitError("\(name): \(Errno(rawValue: errno))") }
  return Int(number)
}
