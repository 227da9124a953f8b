import Testing

/// Nothing unfinished and nothing of one machine in the repository.
@Suite struct LeftoverRules {
  // Written in two parts, so that this file does not break its own rules.
  private static let marks: Set<String> = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
  private static let folders = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"]

  @Test func nothingIsLeftToDo() throws {
    expectNone(try Repository().files.flatMap { unfinished($0) })
  }

  @Test func noPathOfOneMachine() throws {
    expectNone(try Repository().files.flatMap { machinePaths($0) })
  }

  @Test func somethingLeftToDoIsFound() {
    for mark in Self.marks {
      for path in ["a.swift", "a.c", "a.sh", "a.md"] {
        #expect(unfinished(File(path, "a\n// \(mark): b")).map(\.line) == [2])
      }
      #expect(unfinished(File("a.swift", "let \(mark)S = mkstemp(\"a\(mark)\(mark)\")")).isEmpty)
    }
  }

  @Test func aPathOfOneMachineIsFound() {
    for folder in Self.folders {
      #expect(machinePaths(File("a.md", "a\nsee \(folder)x")).map(\.line) == [2])
      #expect(machinePaths(File("a.o", "\0\n\0\(folder)x")).map(\.line) == [2])
      #expect(machinePaths(File("a.md", "a\(folder)x")).isEmpty)
      #expect(machinePaths(File("a.md", "\(folder.dropLast())s")).isEmpty)
    }
  }

  private func unfinished(_ file: File) -> [Finding] {
    file.lines.numbered.compactMap { number, text in
      guard Self.marks.contains(where: { text.contains($0) }) else { return nil }
      return text.words.first { Self.marks.contains(String($0)) }
        .map { Finding(path: file.path, line: number, message: "\($0) left") }
    }
  }

  /// Looks at the bytes, since a compiled file may hold the paths it was compiled from.
  ///
  /// A folder in the middle of a longer path is not one of the machine's.
  private func machinePaths(_ file: File) -> [Finding] {
    let bytes = file.bytes
    var findings: [Finding] = []
    var line = 1
    for index in bytes.indices {
      if bytes[index] == UInt8(ascii: "\n") { line += 1 }
      guard bytes[index] == UInt8(ascii: "/"), index == 0 || !isPathByte(bytes[index - 1]),
        let folder = Self.folders.first(where: { bytes[index...].starts(with: $0.utf8) })
      else { continue }
      findings.append(Finding(path: file.path, line: line, message: "\(folder) is one machine's"))
    }
    return findings
  }

  /// Letters, digits, dots and underscores: a slash behind one goes on with a path.
  private func isPathByte(_ byte: UInt8) -> Bool {
    let scalar = Character(UnicodeScalar(byte))
    return scalar.isASCII && (scalar.isLetter || scalar.isNumber || "._-~".contains(scalar))
  }
}
