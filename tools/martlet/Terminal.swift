import Glibc
import Martlet
import SystemPackage

/// Where words go: reports to standard output, everything else to standard error.
///
/// What is said on standard error may be said between two bursts of packets. So it never waits for
/// a terminal or pipe that takes no more: what finds no room is dropped.
enum Terminal {
  /// Whether standard error is a terminal, for lines that are drawn again and again.
  static let isTerminal = isatty(FileDescriptor.standardError.rawValue) == 1

  /// Goes to the line's beginning and makes it empty.
  private static let emptyLine = "\r\u{1B}[K"

  /// Standard error; if it is a terminal, opened anew.
  ///
  /// A terminal may say that there is room and yet have too little for a line. On a description of
  /// its own a write then fails; on the one that this process shares with others it would wait.
  private static let wordFile: FileDescriptor = {
    guard isTerminal else { return .standardError }
    // Nor does the terminal become the one that controls this process.
    let options = FileDescriptor.OpenOptions(rawValue: O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    let path = FilePath("/proc/self/fd/2")
    return (try? FileDescriptor.open(path, .writeOnly, options: options)) ?? .standardError
  }()

  /// Puts something into the places of standard input, output and error that are empty: words would
  /// go to whatever is opened next.
  ///
  /// What is written there fails, as before.
  static func fillPlaces() {
    while let place = try? FileDescriptor.open(FilePath("/dev/null"), .readOnly) {
      guard place.rawValue > FileDescriptor.standardError.rawValue else { continue }
      try? place.close()
      return
    }
  }

  /// Bytes that a pipe takes without waiting once it says that there is room (`PIPE_BUF`).
  private static let piece = 4096

  /// Prints text on standard output; says whether it could be written.
  static func print(_ text: String) -> Bool {
    (try? FileDescriptor.standardOutput.writeAll((text + "\n").utf8)) != nil
  }

  /// Says something in one line on standard error.
  static func note(_ text: String) {
    say((isTerminal ? emptyLine : "") + "martlet: \(oneLine(text))\n")
  }

  /// Words of a file or of arguments may have characters in them that show as nothing, but move the
  /// cursor or turn the letters around: none reaches the terminal, nor ends the line.
  private static func oneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { unseen.contains($0.properties.generalCategory) ? "?" : $0 }))
  }

  private static let unseen: Set<Unicode.GeneralCategory> = [
    .control, .format, .lineSeparator, .paragraphSeparator,
  ]

  /// Says in one line what went wrong.
  static func complain(_ error: XDPError) { note("\(error)") }

  /// Draws the terminal's last line anew.
  static func redraw(_ text: String) { say(emptyLine + text) }

  /// Nobody is left to be told if words on standard error cannot be written.
  private static func say(_ text: String) {
    var room = Poller(capacity: 1)
    room.add(wordFile.rawValue, events: .writable)
    var rest = text.utf8[...]
    while !rest.isEmpty, room.wait(timeout: .zero) > 0 {
      guard (try? wordFile.writeAll(rest.prefix(piece))) != nil else { return }
      rest = rest.dropFirst(piece)
    }
  }
}
