import Testing

/// Pointers and `unsafe` live behind a fence.
///
/// Behind it are the socket and steering modules, the test kit, the tests, and one file each of the
/// header views, the allocator and the benchmarks (malloc, references as fast as in C, threads).
@Suite struct UnsafeRule {
  private static let folders = [
    "Sources/XSK", "Sources/Steering", "Sources/MartletTestKit", "Tests",
  ]
  private static let files = [
    "Sources/Wire/Bytes.swift", "Sources/FrameAllocator/Table.swift",
    "Sources/FrameAllocator/SlotTable.swift",
    "tools/benchmarks/Unchecked.swift",
  ]

  @Test func unsafeStaysBehindTheFence() throws {
    expectNone(try Repository().files.flatMap { outsideTheFence($0) })
  }

  @Test(arguments: [
    "unsafe f()", "let p: UnsafeMutablePointer<Int>", "a.withUnsafeBytes { _ in }",
    "nonisolated(unsafe) var x = 1", "x = _unsafeStart", "let u: Unmanaged<C>",
    "let p: OpaquePointer", #"print("\(unsafe f())")"#, ".unsafeFlags([])",
  ])
  func unsafeIsFound(_ line: String) {
    for path in [
      "Sources/Martlet/A.swift", "Sources/Wire/A.swift", "Sources/FrameAllocator/A.swift",
      "examples/echo/main.swift", "tools/martlet/A.swift", "tools/benchmarks/A.swift",
      "Package.swift",
    ] {
      #expect(outsideTheFence(File(path, "\n" + line)).map(\.line) == [2])
    }
    for path in Self.files + Self.folders.map({ $0 + "/A.swift" }) {
      #expect(outsideTheFence(File(path, line)).isEmpty)
    }
  }

  @Test(arguments: ["// unsafe", #"f("unsafe")"#, ".strictMemorySafety()", "/* Unsafe */"])
  func wordsAboutItAreNot(_ line: String) {
    #expect(outsideTheFence(File("Sources/Martlet/A.swift", line)).isEmpty)
  }

  private func outsideTheFence(_ file: File) -> [Finding] {
    guard file.language == .swift, !Self.files.contains(file.path),
      !Self.folders.contains(where: { file.isIn($0) })
    else { return [] }
    return file.codeLines.numbered.compactMap { number, text in
      text.words.first { isUnsafe($0) }
        .map { Finding(path: file.path, line: number, message: "\($0) outside the fence") }
    }
  }

  private func isUnsafe(_ word: Substring) -> Bool {
    word == "OpaquePointer" || word == "Unmanaged" || word.contains("nsafe")
  }
}
