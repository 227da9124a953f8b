import CXDP
import Glibc

/// Finds out who holds a queue: socket diagnosis gives the socket's inode, `/proc` the process.
enum QueueHolder {
  /// A process such as "xdpsock (process 123)"; nil where the kernel or the permissions do not
  /// tell.
  static func find(_ interface: UInt32, queue: Int) -> String? {
    guard let inode = inode(interface, queue: queue) else { return nil }
    let wanted = "socket:[\(inode)]"
    for process in entries("/proc") where process.allSatisfy(\.isNumber) {
      let folder = "/proc/\(process)"
      for file in entries(folder + "/fd") where target("\(folder)/fd/\(file)") == wanted {
        let name = TextFile.read(folder + "/comm")?.prefix { $0 != "\n" } ?? "a program"
        return "\(name) (process \(process))"
      }
    }
    return "an AF_XDP socket of a process that cannot be seen from here"
  }

  /// The inode of the socket bound to the queue (`xdp_diag_req`, CONFIG_XDP_SOCKETS_DIAG).
  private static func inode(_ interface: UInt32, queue: Int) -> UInt32? {
    // Family and protocol, the inode (any), what to show, and a cookie (none).
    var request: [UInt8] = [UInt8(CXDP_AF_XDP), 0, 0, 0]
    request += [UInt8](native: UInt32(0)) + [UInt8](native: UInt32(XDP_SHOW_INFO))
    request += [UInt8](native: UInt64.max)
    var found: UInt32?
    _ = Netlink.ask(
      protocol: NETLINK_SOCK_DIAG, type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_DUMP, payload: request
    ) { _, answer in
      // struct xdp_diag_msg: four bytes, the inode, the cookie.
      Netlink.attributes(answer.dropFirst(16)) { type, value in
        guard Int(type) == Int(XDP_DIAG_INFO), value.count >= 8 else { return }
        if value.native(UInt32.self, at: 0) == interface,
          value.native(UInt32.self, at: 4) == UInt32(queue)
        {
          found = answer.native(UInt32.self, at: 4)
        }
      }
    }
    return found
  }

  private static func entries(_ path: String) -> [String] {
    // A C string for the length of the call.
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    // An entry is valid until the next call.
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }

  private static func target(_ path: String) -> String? {
    var space = [CChar](repeating: 0, count: 64)
    // The kernel writes at most 64 bytes.
    let count = unsafe readlink(path, &space, space.count)
    guard count > 0 else { return nil }
    return String(decoding: space[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
