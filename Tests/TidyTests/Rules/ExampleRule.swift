import Testing

/// Every example has a README in one shape.
@Suite struct ExampleRule {
  private static let headings = [
    "## What it is", "## Picture", "## Run", "## Expect", "## Caveats",
  ]

  @Test func examplesExplainThemselves() throws {
    expectNone(wrongExamples(try Repository().files))
  }

  @Test func aMissingReadmeIsFound() {
    let findings = wrongExamples([File("examples/echo/main.swift", "")])
    #expect(findings.map(\.description) == ["examples/echo/README.md:1: missing"])
  }

  @Test func anotherShapeIsFound() {
    let right = "# echo\n" + Self.headings.map { $0 + "\n\ntext\n" }.joined()
    #expect(problems(right).isEmpty)
    #expect(problems(right.replacing("# echo", with: "# other")) == [1])
    #expect(problems(right.replacing("## Run", with: "## Start")) == [8])
    #expect(problems(right + "## More\n") == [17])
    #expect(problems("# echo\n## What it is\ntext\n") == [2])
    #expect(problems("# echo\n" + Self.headings.joined(separator: "\n")) == [2, 3, 4, 5, 6])
  }

  @Test func aCommandInACodeBlockIsNoHeading() {
    let right = "# echo\n" + Self.headings.map { $0 + "\n```\n# comment\n```\n" }.joined()
    #expect(problems(right).isEmpty)
  }

  private func problems(_ text: String) -> [Int] {
    wrongExamples([File("examples/echo/README.md", text)]).map(\.line)
  }

  private func wrongExamples(_ files: [File]) -> [Finding] {
    let folders = Set(files.filter { $0.isIn("examples") }.compactMap { example(of: $0) })
    return folders.sorted().flatMap { name in
      let path = "examples/\(name)/README.md"
      guard let readme = files.first(where: { $0.path == path }) else {
        return [Finding(path: path, line: 1, message: "missing")]
      }
      return wrongShape(readme, name: name)
    }
  }

  /// The folder below `examples` that the file lies in.
  private func example(of file: File) -> String? {
    let parts = file.path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : nil
  }

  /// The title first, then the headings, all of them, in their order, each with text below it.
  private func wrongShape(_ file: File, name: String) -> [Finding] {
    let headings = self.headings(of: file)
    let expected = ["# \(name)"] + Self.headings
    for (position, found) in headings.enumerated() {
      let wanted = position < expected.count ? "\"\(expected[position])\"" : "the end"
      guard position < expected.count, found.text == expected[position] else {
        return [finding(file, found.line, "\"\(found.text)\" where \(wanted) belongs")]
      }
    }
    guard headings.count == expected.count else {
      let line = headings.last?.line ?? 1
      return [finding(file, line, "\"\(expected[headings.count])\" is missing behind this line")]
    }
    return headings.dropFirst().filter { !hasText(below: $0.line, in: file) }
      .map { finding(file, $0.line, "nothing below \"\($0.text)\"") }
  }

  /// The lines that begin with `#`, outside of code blocks.
  private func headings(of file: File) -> [(line: Int, text: String)] {
    var isCode = false
    return file.lines.numbered.compactMap { number, text in
      if text.hasPrefix("```") { isCode.toggle() }
      return !isCode && text.hasPrefix("#") ? (line: number, text: text) : nil
    }
  }

  private func hasText(below line: Int, in file: File) -> Bool {
    let next = file.lines.dropFirst(line).first { !$0.isEmpty }
    return next.map { !$0.hasPrefix("#") } ?? false
  }

  private func finding(_ file: File, _ line: Int, _ message: String) -> Finding {
    Finding(path: file.path, line: line, message: message)
  }
}
