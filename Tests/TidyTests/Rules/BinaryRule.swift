import Testing

/// No binaries but the compiled programs that modules embed and small test data.
@Suite struct BinaryRule {
  private static let programs =
    ["steer", "rules", "driver", "direct"].map {
      "Sources/Steering/Resources/\($0).bpf.o"
    } + ["Sources/MartletTestKit/Resources/traffic.bpf.o"]

  @Test func binariesAreFewAndSmall() throws {
    expectNone(try Repository().files.flatMap { strayBinary($0) })
  }

  @Test func aStrayBinaryIsFound() {
    let small = [UInt8](repeating: 0, count: 65_535)
    #expect(strayBinary(File("docs/a.png", small)).count == 1)
    #expect(strayBinary(File("docs/a.bin", [0xFF, 0xFE])).count == 1)
    #expect(strayBinary(File("Tests/A/data.pcap", small)).isEmpty)
    #expect(strayBinary(File("Tests/A/data.pcap", small + [0])).count == 1)
    for program in Self.programs {
      #expect(strayBinary(File(program, small + small)).isEmpty)
    }
    #expect(strayBinary(File("docs/a.md", "ä — 漢")).isEmpty)
  }

  private func strayBinary(_ file: File) -> [Finding] {
    guard file.language == .binary, !Self.programs.contains(file.path) else { return [] }
    guard file.isIn("Tests") else {
      return [Finding(path: file.path, line: 1, message: "a binary outside Tests")]
    }
    guard file.bytes.count >= 65_536 else { return [] }
    return [
      Finding(path: file.path, line: 1, message: "\(file.bytes.count) bytes, 65536 or more")
    ]
  }
}
