import Glibc

/// How much memory the process may pin (`RLIMIT_MEMLOCK`), which counts without CAP_IPC_LOCK.
enum MemoryLock {
  private static let what = Int32(__RLIMIT_MEMLOCK.rawValue)

  /// Raises the limit as far as the process may.
  ///
  /// Best effort: registering says what is wrong.
  static func raise() {
    var limit = rlimit(rlim_cur: rlim_t.max, rlim_max: rlim_t.max)
    // The structures outlive the calls.
    if unsafe setrlimit(what, &limit) == 0 { return }
    guard unsafe getrlimit(what, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(what, &limit)
  }

  /// Bytes the process may pin; nil if there is no limit.
  static func current() -> Int? {
    var limit = rlimit()
    // The structure outlives the call.
    guard unsafe getrlimit(what, &limit) == 0 else { return nil }
    return Int(exactly: limit.rlim_cur)
  }
}
