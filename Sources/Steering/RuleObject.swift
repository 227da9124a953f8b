import CXDP
import Glibc
import SystemPackage
import XSK

/// The program with the rules and its maps, as libbpf holds them: made when the first rule comes.
///
/// Closed when nobody has it any more.
@safe final class RuleObject {
  /// The programs by what the kernel calls them.
  enum Program: String, CaseIterable {
    case deciding = "martlet_rules"
    /// The same, and writes facts in front of packets.
    case tellingFacts = "martlet_facts"
    /// The same, with facts of the driver's: loaded for one device, and an object of its own.
    case askingDriver = "martlet_driver"
    case explaining = "martlet_explain"

    /// Where the object has it, by which libxdp finds it.
    var section: String {
      switch self {
      case .deciding: "xdp"
      case .tellingFacts: "facts"
      case .askingDriver: "driver"
      case .explaining: "explain"
      }
    }

    /// The programs of the same object.
    var siblings: [Program] {
      self == .askingDriver ? [self] : [.deciding, .tellingFacts, .explaining]
    }

    /// That object.
    var resource: [UInt8] {
      self == .askingDriver ? PackageResources.driver_bpf_o : PackageResources.rules_bpf_o
    }
  }

  /// Which of the programs it is.
  let kind: Program
  /// The only interface that it can be attached to; nil if any will do.
  let device: Interface?
  private let acceptsFragments: Bool
  /// libbpf's object; it lives as long as this.
  let object: OpaquePointer
  private let log: UnsafeMutablePointer<CChar>
  private static let logSize = 1 << 20

  /// Opens the object and makes its maps, over those of the program without rules and, if given,
  /// those of another with rules, whose flow cache lies as theirs; `device` is whom to ask, for the
  /// program that does.
  init(
    _ kind: Program, over plain: ProgramObject, sizes: [String: Int],
    layout: CPULayout, sharing maps: [String: Int32] = [:], device: Interface? = nil,
    acceptsFragments: Bool
  ) throws(XDPError) {
    let log = UnsafeMutablePointer<CChar>.allocate(capacity: Self.logSize)
    unsafe log.initialize(to: 0)
    let bytes = kind.resource
    // libbpf copies what it keeps of the bytes and the name before it returns.
    let opened = unsafe bytes.withUnsafeBytes {
      unsafe cxdp_open_object($0.baseAddress, $0.count, "martlet_rules", log, Self.logSize)
    }
    guard let object = unsafe opened else {
      let code = Errno(rawValue: errno)
      unsafe log.deallocate()
      throw loadError(code, log: "")
    }
    let cpuMap = unsafe bpf_object__find_map_by_name(object, CPULayout.mapName)
    precondition(
      unsafe Int(bpf_map__value_size(cpuMap)) == CPULayout.flow(at: 0),
      "the embedded object has other counters")
    var shared = maps
    shared["sockets"] = plain.sockets
    shared[ProgramObject.settingsName] = plain.settingsMap
    do throws(XDPError) {
      for (name, descriptor) in shared {
        _ = unsafe bpf_map__reuse_fd(bpf_object__find_map_by_name(object, name), descriptor)
      }
      for (name, size) in sizes where shared[name] == nil {
        let elementSize = name == CPULayout.mapName ? layout.byteCount : nil
        try unsafe makeMap(name, of: object, size: size, elementSize: elementSize)
      }
    } catch {
      unsafe bpf_object__close(object)
      unsafe log.deallocate()
      throw error
    }
    if sizes["findings"] == nil {
      _ = unsafe bpf_map__set_autocreate(
        bpf_object__find_map_by_name(object, "findings"), false)
    }
    unsafe layout.write(into: object)
    unsafe Self.choose(kind, of: object, device, acceptsFragments)
    self.kind = kind
    self.device = device
    self.acceptsFragments = acceptsFragments
    unsafe self.object = object
    unsafe self.log = log
  }

  deinit {
    unsafe bpf_object__close(object)
    unsafe log.deallocate()
  }

  /// Has the kernel verify and take the program; under the dispatcher libxdp does.
  ///
  /// About 10 ms.
  func load() throws(XDPError) {
    let result = unsafe bpf_object__load(object)
    if result < 0 { throw refusal(Errno(rawValue: -result)) }
    if device != nil { try checkPlace() }
  }

  private func refusal(_ code: Errno) -> XDPError {
    guard let device, acceptsFragments, code == .invalidArgument, verifierLog.isEmpty else {
      return loadError(code, log: verifierLog)
    }
    return BoundProgram.refusal(
      .unsupported, device, "this kernel has no such program for packets of several fragments",
      "do without one of the two")
  }

  /// Throws unless the kernel has the program where it lay before it was verified; closed at once,
  /// while its device is there, it does no harm.
  private func checkPlace() throws(XDPError) {
    let found = unsafe bpf_object__find_program_by_name(object, kind.rawValue)
    let before = unsafe Int(bpf_program__insn_cnt(found))
    guard let after = ProgramInformation(of: program)?.instructionCount,
      BoundProgram.staysInPlace(before, verified: after)
    else {
      throw XDPError(
        .unsupported, operation: "load the steering program for one device",
        reason: "this kernel moves it in memory, and would fault when the device goes",
        remedy: "do without the driver's facts, and report this with the kernel's version")
    }
  }

  /// What the verifier said when it refused the program.
  var verifierLog: String { unsafe String(cString: log) }

  /// The program's descriptor, owned by the object, once it is loaded.
  var program: Int32 {
    unsafe bpf_program__fd(bpf_object__find_program_by_name(object, kind.rawValue))
  }

  /// A map's descriptor, owned by the object.
  func descriptor(of map: String) -> Int32 {
    unsafe bpf_map__fd(bpf_object__find_map_by_name(object, map))
  }

  /// A map, mapped.
  func map(_ name: String) throws(XDPError) -> MappedArray {
    let map = unsafe bpf_object__find_map_by_name(object, name)
    return try unsafe MappedArray(
      map: bpf_map__fd(map), stride: (Int(bpf_map__value_size(map)) + 7) / 8 * 8,
      count: Int(bpf_map__max_entries(map)))
  }

  /// One of the program's tables, mapped.
  func map(_ table: RuleCapacity.Table) throws(XDPError) -> MappedArray {
    let map = unsafe bpf_object__find_map_by_name(object, RuleCapacity.Table.mapName)
    precondition(
      unsafe Int(bpf_map__value_size(map)) == RuleCapacity.Table.byteCount,
      "the embedded object has other tables")
    return try unsafe MappedArray(
      map: bpf_map__fd(map), from: table.offset, stride: table.stride, count: table.count)
  }

  private static func choose(
    _ kind: Program, of object: OpaquePointer, _ device: Interface?, _ acceptsFragments: Bool
  ) {
    for each in kind.siblings {
      guard let found = unsafe bpf_object__find_program_by_name(object, each.rawValue) else {
        preconditionFailure("the embedded object has no program \(each.rawValue)")
      }
      _ = unsafe bpf_program__set_type(found, BPF_PROG_TYPE_XDP)
      _ = unsafe bpf_program__set_autoload(found, each == kind)
      // None, as the one without rules has none.
      _ = unsafe bpf_program__set_expected_attach_type(found, bpf_attach_type(0))
      var flags = acceptsFragments ? UInt32(CXDP_BPF_F_XDP_HAS_FRAGS) : 0
      if let device {
        flags |= UInt32(CXDP_BPF_F_XDP_DEV_BOUND_ONLY)
        unsafe bpf_program__set_ifindex(found, device.index)
      }
      _ = unsafe bpf_program__set_flags(found, flags)
    }
  }
}
