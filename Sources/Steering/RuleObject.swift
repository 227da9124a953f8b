import CXDP
import Glibc
import SystemPackage
import XSK

/// The program with the rules and its maps, as libbpf holds them: loaded when the first rule comes.
///
/// Closed with its owner.
@safe struct RuleObject: ~Copyable {
  /// What the kernel calls the program that decides, and the one that explains.
  enum Program: String {
    case deciding = "martlet_rules"
    case explaining = "martlet_explain"
  }

  /// The program's descriptor, owned by the object.
  let program: Int32
  private let object: OpaquePointer
  private static let logSize = 1 << 20

  /// Loads one of the programs over the maps of the attached one and, if given, those of another.
  ///
  /// About 10 ms.
  init(
    _ program: Program, over attached: borrowing ProgramObject, sizes: [String: Int],
    sharing maps: [String: Int32] = [:], acceptsFragments: Bool
  ) throws(XDPError) {
    let log = UnsafeMutablePointer<CChar>.allocate(capacity: Self.logSize)
    defer { unsafe log.deallocate() }
    unsafe log.initialize(to: 0)
    let bytes = PackageResources.rules_bpf_o
    // libbpf copies what it keeps of the bytes and the name before it returns.
    let opened = unsafe bytes.withUnsafeBytes {
      unsafe cxdp_open_object($0.baseAddress, $0.count, "martlet_rules", log, Self.logSize)
    }
    guard let object = unsafe opened else { throw loadError(Errno(rawValue: errno), log: "") }
    var shared = maps
    shared["sockets"] = attached.sockets
    shared["settings"] = attached.settingsMap
    shared["counters"] = attached.counters
    unsafe Self.size(object, sizes, shared)
    unsafe Self.choose(program, of: object, acceptsFragments)
    let result = unsafe bpf_object__load(object)
    let chosen = unsafe bpf_object__find_program_by_name(object, program.rawValue)
    guard result == 0, let chosen = unsafe chosen else {
      let said = unsafe String(cString: log)
      unsafe bpf_object__close(object)
      throw loadError(Errno(rawValue: -result), log: said)
    }
    self.program = unsafe bpf_program__fd(chosen)
    unsafe self.object = object
  }

  deinit { unsafe bpf_object__close(object) }

  /// A map's descriptor, owned by the object.
  func descriptor(of map: String) -> Int32 {
    unsafe bpf_map__fd(bpf_object__find_map_by_name(object, map))
  }

  /// A map, mapped.
  func map(_ name: String) throws(XDPError) -> MappedArray {
    let map = unsafe bpf_object__find_map_by_name(object, name)
    return try unsafe MappedArray(
      map: bpf_map__fd(map), size: Int(bpf_map__value_size(map)),
      count: Int(bpf_map__max_entries(map)))
  }

  private static func size(
    _ object: OpaquePointer, _ sizes: [String: Int], _ shared: [String: Int32]
  ) {
    for (name, size) in sizes {
      _ = unsafe bpf_map__set_max_entries(
        bpf_object__find_map_by_name(object, name), UInt32(size))
    }
    for (name, descriptor) in shared {
      _ = unsafe bpf_map__reuse_fd(bpf_object__find_map_by_name(object, name), descriptor)
    }
  }

  private static func choose(
    _ program: Program, of object: OpaquePointer, _ acceptsFragments: Bool
  ) {
    for each in [Program.deciding, .explaining] {
      guard let found = unsafe bpf_object__find_program_by_name(object, each.rawValue) else {
        preconditionFailure("the embedded object has no program \(each.rawValue)")
      }
      _ = unsafe bpf_program__set_autoload(found, each == program)
      // None, as libxdp gives a program none under the dispatcher: a tail call wants them equal.
      _ = unsafe bpf_program__set_expected_attach_type(found, bpf_attach_type(0))
      let flags = acceptsFragments ? UInt32(CXDP_BPF_F_XDP_HAS_FRAGS) : 0
      _ = unsafe bpf_program__set_flags(found, flags)
    }
  }
}
