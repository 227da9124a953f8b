import CXDP
import Glibc
import Synchronization
import SystemPackage
import XSK

/// The eBPF program with its maps, as libbpf holds it.
///
/// Closed when nobody has it any more. The maps exist from the start, also where libxdp loads the
/// program only when it attaches it.
@safe final class ProgramObject {
  /// What the kernel calls the program without rules.
  static let programName = "martlet_steer"
  /// What it calls those of ours that can be attached; by it the next start recognises what a crash
  /// left.
  static let programNames =
    [programName] + RuleObject.Program.allCases.filter { $0 != .explaining }.map(\.rawValue)

  /// What libbpf calls the map of the variables that all programs have, which are the settings.
  static let settingsName = ".data"

  /// libbpf's object and program; they live as long as this.
  let object: OpaquePointer
  let program: OpaquePointer
  /// The maps of bpf/common.h and bpf/steer.bpf.c, and that of the settings; libbpf owns the
  /// descriptors.
  let sockets: Int32
  let counters: Int32
  let settingsMap: Int32
  /// `struct settings`, shared with the program: stores to it need no system call.
  let settings: SettingsPage

  /// Where the verifier writes why it refused.
  private let log: UnsafeMutablePointer<CChar>
  /// Enough for the whole of it; untouched memory costs nothing.
  private static let logSize = 1 << 20

  /// Opens the embedded object and makes its maps, with room for `socketCount` sockets.
  init(socketCount: Int, acceptsFragments: Bool) throws(XDPError) {
    // Both are process-wide, and the library says what matters in its errors.
    _ = unsafe libbpf_set_print(nil)
    _ = unsafe libxdp_set_print(nil)
    let log = UnsafeMutablePointer<CChar>.allocate(capacity: Self.logSize)
    unsafe log.initialize(to: 0)
    guard let object = unsafe Self.open(log) else {
      let code = Errno(rawValue: errno)
      unsafe log.deallocate()
      throw loadError(code, log: "")
    }
    do throws(XDPError) {
      for name in ["sockets", Self.settingsName, "counters"] {
        let size = name == "sockets" ? socketCount : nil
        try unsafe makeMap(name, of: object, size: size)
      }
      settings = try SettingsPage(map: unsafe Self.map(Self.settingsName, of: object))
    } catch {
      unsafe bpf_object__close(object)
      unsafe log.deallocate()
      throw error
    }
    guard let program = unsafe bpf_object__find_program_by_name(object, Self.programName) else {
      preconditionFailure("the embedded object has no program \(Self.programName)")
    }
    let flags = acceptsFragments ? UInt32(CXDP_BPF_F_XDP_HAS_FRAGS) : 0
    _ = unsafe bpf_program__set_flags(program, flags)
    // None, as the one with rules has none: a link takes no other program in its stead.
    _ = unsafe bpf_program__set_expected_attach_type(program, bpf_attach_type(0))
    unsafe self.object = object
    unsafe self.program = program
    unsafe self.log = log
    sockets = unsafe Self.map("sockets", of: object)
    counters = unsafe Self.map("counters", of: object)
    settingsMap = unsafe Self.map(Self.settingsName, of: object)
  }

  deinit {
    unsafe bpf_object__close(object)
    unsafe log.deallocate()
  }

  /// Has the kernel verify and take the program.
  ///
  /// About 1 ms.
  func load() throws(XDPError) {
    let result = unsafe bpf_object__load(object)
    if result < 0 { throw loadError(Errno(rawValue: -result), log: verifierLog) }
  }

  /// What the verifier said when it refused the program.
  var verifierLog: String { unsafe String(cString: log) }

  private static func open(_ log: UnsafeMutablePointer<CChar>) -> OpaquePointer? {
    let bytes = PackageResources.steer_bpf_o
    // libbpf copies what it keeps of the bytes and the name before it returns.
    return unsafe bytes.withUnsafeBytes {
      unsafe cxdp_open_object($0.baseAddress, $0.count, "martlet", log, logSize)
    }
  }

  private static func map(_ name: String, of object: OpaquePointer) -> Int32 {
    unsafe bpf_map__fd(bpf_object__find_map_by_name(object, name))
  }
}

/// Makes a map as the object describes it, or with another size, and hands it to libbpf, which
/// would only make it at load.
func makeMap(
  _ name: String, of object: OpaquePointer, size: Int?, elementSize: Int? = nil
) throws(XDPError) {
  let map = unsafe bpf_object__find_map_by_name(object, name)
  if let size { _ = unsafe bpf_map__set_max_entries(map, UInt32(size)) }
  let descriptor = unsafe cxdp_create_map(
    bpf_map__type(map), name, bpf_map__key_size(map),
    elementSize.map(UInt32.init) ?? bpf_map__value_size(map), bpf_map__max_entries(map),
    bpf_map__map_flags(map), 0)
  if descriptor < 0 { throw loadError(Errno(rawValue: -descriptor), log: "") }
  // libbpf keeps a duplicate, and the kernel's name for the map.
  defer { close(descriptor) }
  let result = unsafe bpf_map__reuse_fd(map, descriptor)
  if result < 0 { throw loadError(Errno(rawValue: -result), log: "") }
}
