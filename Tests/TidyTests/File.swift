/// One file of the repository.
struct File {
  /// Path from the repository's root, without a leading slash.
  let path: String
  /// Everything in it.
  let bytes: [UInt8]
  /// Its lines, without the newlines; none if the file is not text.
  let lines: [String]
  /// What kind of text it is.
  let language: Language

  enum Language {
    case swift, c, bash, prose, binary
  }

  /// A file of `bytes` at `path`.
  init(_ path: String, _ bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    if bytes.contains(0) || String(validating: bytes, as: UTF8.self) == nil {
      language = .binary
      lines = []
    } else {
      lines = File.lines(of: bytes)
      language = File.language(path, firstLine: lines.first ?? "")
    }
  }

  /// A file that holds `text`, for samples.
  init(_ path: String, _ text: String) {
    self.init(path, Array(text.utf8))
  }

  /// The lines with string contents and comments blanked, for the rules that read code.
  var codeLines: [String] {
    switch language {
    case .swift: File.lines(of: CodeMask.swift(bytes))
    case .c: File.lines(of: CodeMask.c(bytes))
    default: lines
    }
  }

  /// Whether the file lies in `folder`, at any depth.
  func isIn(_ folder: String) -> Bool { path.hasPrefix(folder + "/") }

  private static func language(_ path: String, firstLine: String) -> Language {
    if path.hasSuffix(".swift") { return .swift }
    if path.hasSuffix(".c") || path.hasSuffix(".h") { return .c }
    if path.hasSuffix(".sh") || firstLine.hasPrefix("#!") && firstLine.hasSuffix("sh") {
      return .bash
    }
    return .prose
  }

  private static func lines(of bytes: [UInt8]) -> [String] {
    bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
  }
}
