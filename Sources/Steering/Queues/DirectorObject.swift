import CXDP
import Glibc
import SystemPackage
import XSK

/// The director's program with its maps, loaded.
@safe struct DirectorObject: ~Copyable {
  /// What the kernel calls the program; by it the next start recognises what a crash left.
  static let programName = "martlet_direct"
  /// As in bpf/direct.h.
  static let shapeCount = 8
  static let restCount = 64
  static let flowCount = 4096

  private let object: OpaquePointer
  /// libbpf's descriptors: the program, the one for trials, and the maps.
  let program, trial: Int32
  private let flows, directors: Int32

  /// Loads it.
  ///
  /// Needs CAP_BPF and CAP_NET_ADMIN.
  init() throws(XDPError) {
    _ = unsafe libbpf_set_print(nil)
    var log = [CChar](repeating: 0, count: 1 << 16)
    let bytes = PackageResources.direct_bpf_o
    // libbpf copies what it keeps of the bytes and the name; the log it writes until it has loaded.
    let opened = unsafe log.withUnsafeMutableBufferPointer { log in
      let object = unsafe bytes.withUnsafeBytes {
        unsafe cxdp_open_object(
          $0.baseAddress, $0.count, "martlet_direct", log.baseAddress, log.count)
      }
      let result = unsafe object.map { unsafe bpf_object__load($0) } ?? -errno
      return unsafe (object: object, result: result)
    }
    guard let object = unsafe opened.object, unsafe opened.result == 0 else {
      if let object = unsafe opened.object { unsafe bpf_object__close(object) }
      let words = log.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
      throw loadError(
        Errno(rawValue: unsafe -opened.result), log: String(decoding: words, as: UTF8.self))
    }
    unsafe self.object = object
    program = unsafe bpf_program__fd(
      bpf_object__find_program_by_name(object, Self.programName))
    trial = unsafe bpf_program__fd(bpf_object__find_program_by_name(object, "martlet_tell"))
    flows = unsafe bpf_object__find_map_fd_by_name(object, "flows")
    directors = unsafe bpf_object__find_map_fd_by_name(object, "directors")
  }

  deinit { unsafe bpf_object__close(object) }

  /// Sends packets that match `key` to `queue`.
  func put(_ key: DirectorKey, queue: UInt32) throws(XDPError) {
    var queue = queue
    let bytes = key.bytes
    // The kernel reads as many bytes as the map's key and value have: 48 and 4.
    let result = unsafe bytes.withUnsafeBytes {
      unsafe bpf_map_update_elem(flows, $0.baseAddress, &queue, 0)
    }
    if result != 0 { throw tableError(result) }
  }

  /// Forgets `key`; nothing happens if it is not there.
  func remove(_ key: DirectorKey) {
    let bytes = key.bytes
    // As above.
    _ = unsafe bytes.withUnsafeBytes { unsafe bpf_map_delete_elem(flows, $0.baseAddress) }
  }

  /// Tells the program by which masks to look flows up, and where the rest goes.
  func setDirector(masks: [DirectorKey], rest: [Int]) throws(XDPError) {
    // struct director: the counts, the queues of the rest in turn, the masks.
    var bytes = UInt32(masks.count).machineOrder + UInt32(rest.count).machineOrder
    for index in 0..<Self.restCount {
      bytes += UInt32(rest.isEmpty ? 0 : rest[index % rest.count]).machineOrder
    }
    for mask in masks { bytes += mask.bytes }
    bytes += [UInt8](
      repeating: 0, count: DirectorKey.size * (Self.shapeCount - masks.count))
    var zero: UInt32 = 0
    // The array has as many bytes as `struct director`.
    let result = unsafe bytes.withUnsafeBytes {
      unsafe bpf_map_update_elem(directors, &zero, $0.baseAddress, 0)
    }
    if result != 0 { throw tableError(result) }
  }

  private func tableError(_ result: Int32) -> XDPError {
    let operation = "change the director's table"
    let code = Errno(rawValue: -result)
    // E2BIG: the map is full.
    guard code == .argListTooLong else { return mapError(operation, result) }
    return XDPError(
      .configuration, operation: operation, reason: "it holds \(Self.flowCount) flows",
      remedy: "give some up first", errno: code)
  }
}
