import Glibc
import Martlet
import SystemPackage

/// Where words go: reports to standard output, everything else to standard error.
enum Terminal {
  /// Whether standard error is a terminal, for lines that are drawn again and again.
  static let isTerminal = isatty(FileDescriptor.standardError.rawValue) == 1

  /// Goes to the line's beginning and makes it empty.
  private static let emptyLine = "\r\u{1B}[K"

  /// Prints text on standard output; says whether it could be written.
  @discardableResult
  static func print(_ text: String) -> Bool { write(text + "\n", to: .standardOutput) }

  /// Says something in one line on standard error.
  static func note(_ text: String) {
    write((isTerminal ? emptyLine : "") + "martlet: \(oneLine(text))\n", to: .standardError)
  }

  /// Words of a file or of arguments may have control characters in them: none reaches the
  /// terminal, nor ends the line.
  private static func oneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
  }

  /// Says in one line what went wrong.
  static func complain(_ error: XDPError) { note("\(error)") }

  /// Draws the terminal's last line anew.
  static func redraw(_ text: String) { write(emptyLine + text, to: .standardError) }

  /// Nobody is left to be told if words on standard error cannot be written.
  @discardableResult
  private static func write(_ text: String, to file: FileDescriptor) -> Bool {
    (try? file.writeAll(text.utf8)) != nil
  }
}
