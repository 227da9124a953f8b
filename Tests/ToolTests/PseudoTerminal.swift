import Glibc
import Testing

/// A terminal for programs to write to, whose user is the test.
final class PseudoTerminal {
  /// What programs open.
  let path: String
  /// The user's end.
  private let user: Int32
  /// The other end, held: when nobody has it, what was written is forgotten.
  private let program: Int32

  init() throws {
    // A C string for the length of the call.
    user = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var (lock, number): (Int32, Int32) = (0, 0)
    // TIOCSPTLCK reads a number, TIOCGPTN writes one.
    try #require(unsafe ioctl(user, 0x4004_5431, &lock) == 0)
    try #require(unsafe ioctl(user, 0x8004_5430, &number) == 0)
    path = "/dev/pts/\(number)"
    program = unsafe open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    try #require(program >= 0)
  }

  deinit {
    close(user)
    close(program)
  }

  /// Ctrl-S: it shows no more, and programs that write to it wait.
  func stop() throws {
    var key: UInt8 = 0x13
    // One byte is read.
    try #require(unsafe write(user, &key, 1) == 1)
  }

  /// Writes pieces of 256 bytes, as many as it takes or as are allowed, and says how many.
  ///
  /// It keeps them: nobody looks at what it shows.
  func fill(pieces most: Int = .max) -> Int {
    let piece = [UInt8](repeating: 0x2E, count: 256)
    var (count, tries) = (0, 0)
    // The kernel makes some more room a moment later, to keep what nobody has looked at yet.
    while count < most, tries < 5 {
      // The array holds as many bytes as are read from it.
      let isTaken = unsafe write(program, piece, piece.count) > 0
      (count, tries) = isTaken ? (count + 1, 0) : (count, tries + 1)
      if !isTaken { usleep(10_000) }
    }
    return count
  }
}
