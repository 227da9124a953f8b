import Glibc
import MartletTestKit
import Testing
import XSK

/// A folder that stands for the root of a file system, with files as a test wants them.
private final class FakeRoot {
  private let folder: TemporaryFolder
  var path: String { folder.path }

  init(_ files: [String: String]) throws {
    folder = try TemporaryFolder()
    for (file, text) in files {
      let folder = file.split(separator: "/").dropLast().joined(separator: "/")
      try runProgram(["mkdir", "-p", "\(path)/\(folder)"])
      try Self.write(text, to: path + file)
    }
  }

  private static func write(_ text: String, to path: String) throws {
    // C strings for the length of the calls.
    let file = unsafe creat(path, 0o600)
    guard file >= 0 else { throw TestKitError("\(path): \(errno)") }
    defer { close(file) }
    let bytes = Array(text.utf8)
    guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count else {
      throw TestKitError("\(path): \(errno)")
    }
  }
}

@Suite struct MemoryLimitTests {
  private static let machine = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    2048 kB\n"

  @Test("Without control groups the machine decides")
  func machine() throws {
    let root = try FakeRoot(["/proc/meminfo": Self.machine])
    let limit = MemoryLimit(root: root.path)
    #expect(limit.available == 2 << 20)
    try limit.admit(2 << 20)
    let error = #expect(throws: XDPError.self) { try limit.admit(2 << 20 + 1) }
    #expect(error?.kind == .memoryLimit)
    #expect(error?.reason == "the machine has 2048 KiB left")
  }

  @Test("Version 2: the tightest of the group and those above decides, less what is only cache")
  func version2() throws {
    let root = try FakeRoot([
      "/proc/meminfo": Self.machine,
      "/proc/self/cgroup": "0::/a/b\n",
      "/proc/self/mountinfo": "30 1 0:26 / /cg rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
      "/cg/a/b/memory.max": "max\n", "/cg/a/b/memory.current": "1000\n",
      "/cg/a/memory.max": "1000000\n", "/cg/a/memory.current": "600000\n",
      "/cg/a/memory.stat": "anon 5\nfile 90000\ninactive_file 30000\nactive_file 7000\n",
    ])
    let limit = MemoryLimit(root: root.path)
    #expect(limit.available == 437_000)
    #expect(limit.source == "the control group /a")
  }

  @Test("Version 1: the memory hierarchy, seen through a container's mount")
  func version1() throws {
    let root = try FakeRoot([
      "/proc/meminfo": Self.machine,
      "/proc/self/cgroup": "8:pids:/x\n4:cpu,memory:/docker/id/inner\n0::/\n",
      "/proc/self/mountinfo": """
      31 1 0:27 / /cg/pids rw - cgroup cgroup rw,pids
      32 1 0:28 /docker/id /cg/memory rw master:9 - cgroup cgroup rw,cpu,memory
      """,
      "/cg/memory/inner/memory.limit_in_bytes": "500000\n",
      "/cg/memory/inner/memory.usage_in_bytes": "100000\n",
      "/cg/memory/inner/memory.stat": "total_inactive_file 1000\ninactive_file 7\n",
      "/cg/memory/memory.limit_in_bytes": "9223372036854771712\n",
      "/cg/memory/memory.usage_in_bytes": "200000\n",
    ])
    let limit = MemoryLimit(root: root.path)
    #expect(limit.available == 401_000)
    #expect(limit.source == "the control group /inner")
  }

  @Test("A group above its limit has nothing left")
  func exceeded() throws {
    let root = try FakeRoot([
      "/proc/meminfo": Self.machine,
      "/proc/self/cgroup": "0::/\n",
      "/proc/self/mountinfo": "30 1 0:26 / /cg rw - cgroup2 none rw\n",
      "/cg/memory.max": "1000\n", "/cg/memory.current": "2000\n",
    ])
    let limit = MemoryLimit(root: root.path)
    #expect(limit.available == 0)
    #expect(throws: XDPError.self) { try limit.admit(1) }
  }
}
