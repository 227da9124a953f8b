import Glibc

/// Finds programs that may hold a queue.
///
/// The kernel tells which socket holds which queue only where it has socket diagnosis for AF_XDP,
/// which many lack. But who uses AF_XDP has mapped a fill ring, and `/proc/PID/maps` shows that.
enum QueueHolder {
  /// Every program with an AF_XDP socket that can be seen from here, such as "xdpsock (process
  /// 123)"; this one first, if it has any.
  static func candidates() -> [String] {
    let own = getpid()
    let others = FolderListing.processes().filter { $0 != own }
    return ([own] + others).compactMap { process in
      guard let maps = TextFile.read("/proc/\(process)/maps"), holdsFillRing(maps) else {
        return nil
      }
      let name = TextFile.read("/proc/\(process)/comm")?.prefix { $0 != "\n" } ?? "a program"
      return "\(name) (process \(process))"
    }
  }

  /// Whether a process maps a socket where only the fill ring is: `XDP_UMEM_PGOFF_FILL_RING`.
  private static func holdsFillRing(_ maps: String) -> Bool {
    maps.split(separator: "\n").contains { line in
      // addresses permissions offset device inode path (proc(5))
      let words = line.split(separator: " ")
      return words.count > 5 && words[5].hasPrefix("socket:") && words[2] == "100000000"
    }
  }
}
