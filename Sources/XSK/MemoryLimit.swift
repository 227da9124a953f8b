/// How much memory this process can still take before the kernel kills someone for it.
///
/// Looks at the machine (`MemAvailable`) and at every control group the process is in (version 1
/// and 2). Populating a region past one of them ends in an OOM kill, so it is asked first.
package struct MemoryLimit {
  /// Bytes that can still be had.
  package let available: Int
  /// Who says so, such as "the machine" or "the control group /a".
  package let source: String

  /// Looks at the files below `root`: "" for the machine's own, something else in tests.
  package init(root: String = "") {
    var available = Int.max
    var source = "the machine"
    if let text = TextFile.read(root + "/proc/meminfo"),
      let number = TextFile.number(after: "MemAvailable", in: text)
    {
      available = number << 10
    }
    for group in ControlGroup.all(root: root) {
      if let left = group.available(root: root), left < available {
        available = left
        source = "the control group \(group.path)"
      }
    }
    self.available = available
    self.source = source
  }

  /// Throws `.memoryLimit` where `byteCount` more bytes are too many.
  package func admit(_ byteCount: Int) throws(XDPError) {
    guard byteCount > available else { return }
    throw XDPError(
      .memoryLimit, operation: "reserve \(byteCount >> 10) KiB of packet memory",
      reason: "\(source) has \(available >> 10) KiB left",
      remedy: "ask for less, or raise the limit")
  }
}

/// One control group that counts memory.
private struct ControlGroup {
  /// Its folder below the root of the file system.
  let folder: String
  /// Its name, as in `/proc/self/cgroup`.
  let path: String
  let isVersion2: Bool

  /// The groups of this process that count memory, and all groups above them.
  static func all(root: String) -> [ControlGroup] {
    guard let mounts = TextFile.read(root + "/proc/self/mountinfo"),
      let memberships = TextFile.read(root + "/proc/self/cgroup")
    else { return [] }
    var groups: [ControlGroup] = []
    for membership in memberships.split(separator: "\n") {
      // hierarchy:controllers:path (cgroups(7)); version 2 has no controllers.
      let parts = membership.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isVersion2 = parts[1].isEmpty
      guard isVersion2 || parts[1].split(separator: ",").contains("memory"),
        let mount = Mount.ofMemory(isVersion2: isVersion2, in: mounts)
      else { continue }
      var path = mount.inside(parts[2])
      while true {
        groups.append(.init(folder: mount.point + path, path: path, isVersion2: isVersion2))
        guard let slash = path.lastIndex(of: "/") else { break }
        path = String(path[..<slash])
      }
    }
    return groups
  }

  /// Bytes the group can still take; nil if it has no limit.
  func available(root: String) -> Int? {
    func number(_ file: String) -> Int? {
      TextFile.read(root + folder + file).flatMap { Int($0.prefix { $0.isNumber }) }
    }
    let names =
      isVersion2
      ? ("/memory.max", "/memory.current") : ("/memory.limit_in_bytes", "/memory.usage_in_bytes")
    // "max" is no number; version 1 says 2^63 less a page where there is no limit.
    guard let limit = number(names.0), limit < 1 << 60, let usage = number(names.1) else {
      return nil
    }
    // The page cache goes before anyone is killed. Shared memory is not on the file lists.
    let statistics = TextFile.read(root + folder + "/memory.stat") ?? ""
    let prefix = isVersion2 ? "" : "total_"
    let cache =
      (TextFile.number(after: prefix + "inactive_file", in: statistics) ?? 0)
      + (TextFile.number(after: prefix + "active_file", in: statistics) ?? 0)
    return max(0, limit - usage + cache)
  }
}

/// Where a hierarchy of control groups is mounted, and which of its folders is there.
private struct Mount {
  let point: String
  let folder: String

  /// The part of a group's path that lies below the mount point; "" for the mount point itself.
  func inside(_ path: Substring) -> String {
    var path = String(path)
    if folder != "/", path == folder || path.hasPrefix(folder + "/") {
      path.removeFirst(folder.count)
    }
    return path == "/" ? "" : path
  }

  static func ofMemory(isVersion2: Bool, in mounts: String) -> Mount? {
    for line in mounts.split(separator: "\n") {
      // number parent device folder point options... - type source super-options (proc(5))
      let words = line.split(separator: " ")
      guard let dash = words.firstIndex(of: "-"), words.count > dash + 3, dash > 4 else { continue }
      let type = words[dash + 1]
      let holds =
        isVersion2
        ? type == "cgroup2"
        : type == "cgroup" && words[dash + 3].split(separator: ",").contains("memory")
      if holds { return Mount(point: String(words[4]), folder: String(words[3])) }
    }
    return nil
  }
}
