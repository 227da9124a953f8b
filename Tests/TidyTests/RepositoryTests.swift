import Testing

/// A rule that sees no files finds nothing wrong.
@Suite struct RepositoryTests {
  @Test func theRepositoryIsSeen() throws {
    let paths = Set(try Repository().files.map(\.path))
    let expected = [
      "Package.swift", ".swift-format", "Sources/XSK/ConsumerRing.swift", "tools/check",
      "Tests/TidyTests/RepositoryTests.swift",
    ]
    #expect(expected.allSatisfy { paths.contains($0) })
    #expect(!paths.contains { $0.hasPrefix(".git/") || $0.hasPrefix(".build/") })
  }

  @Test func languagesAreTold() {
    #expect(File("a.swift", "").language == .swift)
    #expect(File("a.h", "").language == .c)
    #expect(File("tools/a", "#!/usr/bin/env bash\n").language == .bash)
    #expect(File("a.md", "").language == .prose)
    #expect(File("a.o", "\0").language == .binary)
  }

  @Test func aFolderThatIsNotThereIsAnError() {
    #expect(throws: Unreadable.self) { try Repository(root: "/nowhere") }
  }
}
