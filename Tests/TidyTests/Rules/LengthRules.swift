import Testing

/// No line of code over 100 columns, no Swift file over 500 lines.
@Suite struct LengthRules {
  @Test func linesFit() throws {
    expectNone(try Repository().files.flatMap { longLines($0) })
  }

  @Test func filesFit() throws {
    expectNone(try Repository().files.flatMap { longFiles($0) })
  }

  @Test func aLongLineIsFound() {
    let fits = String(repeating: "é", count: 100)
    for path in ["a.swift", "bpf/a.c", "bpf/a.h", "tools/lib/a.sh"] {
      let file = File(path, "\(fits)\nx\(fits)\n")
      #expect(longLines(file).map(\.description) == ["\(path):2: 101 columns, more than 100"])
    }
    #expect(longLines(File("tools/a", "#!/bin/bash\nx\(fits)\n")).count == 1)
    #expect(longLines(File("README.md", "x\(fits)\n")).isEmpty)
  }

  @Test func aLongFileIsFound() {
    let fits = File("a.swift", String(repeating: "\n", count: 500))
    let long = File("a.swift", String(repeating: "\n", count: 501))
    #expect(longFiles(fits).isEmpty)
    #expect(longFiles(long).map(\.description) == ["a.swift:501: 501 lines, more than 500"])
  }

  private func longLines(_ file: File) -> [Finding] {
    guard [.swift, .c, .bash].contains(file.language) else { return [] }
    return file.lines.numbered.compactMap { number, text in
      // Bytes are quicker to count and never fewer than columns.
      guard text.utf8.count > 100, text.count > 100 else { return nil }
      return Finding(
        path: file.path, line: number, message: "\(text.count) columns, more than 100")
    }
  }

  private func longFiles(_ file: File) -> [Finding] {
    let count = file.bytes.count { $0 == UInt8(ascii: "\n") }
    guard file.language == .swift, count > 500 else { return [] }
    return [Finding(path: file.path, line: count, message: "\(count) lines, more than 500")]
  }
}
