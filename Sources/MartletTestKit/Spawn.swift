internal import CXDP
internal import Glibc
internal import SystemPackage

/// Starts a program with posix_spawn(3): found by PATH, empty standard input, no inherited
/// descriptors, no blocked signals, and none ignored that a shell or CI may ignore (nohup).
///
/// Returns its process number.
func spawnProgram(_ program: [String], output: Int32, error: Int32) throws -> Int32 {
  var actions = unsafe posix_spawn_file_actions_t()
  var attributes = posix_spawnattr_t()
  var signals = sigset_t()
  var process = pid_t()
  // Every pointer below is to a local that outlives the call it is given to.
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
  unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
  unsafe posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO)
  unsafe posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  unsafe sigemptyset(&signals)
  unsafe posix_spawnattr_setsigmask(&attributes, &signals)
  unsafe sigaddset(&signals, SIGHUP)
  unsafe sigaddset(&signals, SIGPIPE)
  unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
  unsafe posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
  let code = unsafe withArguments(program) { arguments in
    unsafe posix_spawnp(&process, program[0], &actions, &attributes, arguments, environ)
  }
  guard code == 0 else { throw TestKitError("start \(program[0]): \(Errno(rawValue: code))") }
  return process
}

/// Lends C the words as a null-terminated array of null-terminated strings.
private func withArguments<R>(
  _ words: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  var pointers = unsafe words.map { unsafe strdup($0) } + [nil]
  // strdup made them, and nobody else holds them.
  defer { unsafe pointers.forEach { unsafe free($0) } }
  return unsafe pointers.withUnsafeMutableBufferPointer { pointers in
    guard let base = pointers.baseAddress else {
      preconditionFailure("never empty: it ends in nil")
    }
    return unsafe body(base)
  }
}
