internal import Glibc

/// How long threads have run, to the nanosecond (`/proc/PID/task/*/schedstat`).
///
/// What interrupts a thread counts as its own: the kernel's work for packets too.
///
/// The scheduler adds up what a thread has run when it leaves its processor and at each tick. Read
/// while it runs, its time is up to a tick old: 4 ms at 250 Hz.
public final class ProcessorTime {
  private var files: [Int32] = []

  /// Of all threads that a process has now.
  public init(ofProcess process: Int32) throws {
    let folder = "/proc/\(process)/task"
    for thread in try entries(of: folder) where thread.first?.isNumber == true {
      files.append(try openFile("\(folder)/\(thread)/schedstat", O_RDONLY))
    }
  }

  /// Of the kernel's own threads for interrupts, where this process sees them, else of none.
  public init(ofKernelThreads: Void) throws {
    for process in try entries(of: "/proc") where process.first?.isNumber == true {
      guard let name = try? readFile("/proc/\(process)/comm") else { continue }
      guard name.starts(with: Array("ksoftirqd/".utf8)) else { continue }
      files.append(try openFile("/proc/\(process)/schedstat", O_RDONLY))
    }
  }

  /// Nanoseconds that this process's threads have run, the calling one's up to now
  /// (`CLOCK_PROCESS_CPUTIME_ID`).
  public static var own: UInt64 {
    var time = timespec()
    // The kernel writes the time, which every process has.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  deinit { for file in files { close(file) } }

  /// Nanoseconds so far, of threads that have ended none.
  public var nanoseconds: UInt64 { files.reduce(0) { $0 &+ Self.read($1) } }

  private static func read(_ file: Int32) -> UInt64 {
    var digits = [UInt8](repeating: 0, count: 64)
    // The kernel writes at most as many bytes as there are.
    let count = unsafe pread(file, &digits, digits.count, 0)
    guard count > 0 else { return 0 }
    return digits.prefix(count).prefix { (48...57).contains($0) }
      .reduce(0) { $0 * 10 + UInt64($1 - 48) }
  }
}

/// The names in a folder.
private func entries(of folder: String) throws -> [String] {
  // Swift lends the path; the stream is closed below and read by this thread alone.
  guard let stream = unsafe opendir(folder) else { throw TestKitError("list \(folder)") }
  defer { unsafe closedir(stream) }
  var names: [String] = []
  while let entry = unsafe readdir(stream) {
    let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    names.append(name)
  }
  return names
}
