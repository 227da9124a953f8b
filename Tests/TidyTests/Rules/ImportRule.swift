import Testing

/// Imports point one way, and Foundation is nowhere.
///
/// Wire and FrameAllocator stand alone, XSK and Steering on C, Martlet on them all, and on Martlet
/// only what uses it.
@Suite struct ImportRule {
  /// The project's modules.
  private static let ours = [
    "CXDP", "Wire", "FrameAllocator", "XSK", "Steering", "Martlet", "MartletTestKit",
    "Expectations",
  ]

  /// Which of the project's modules the files of a folder may import.
  private static let allowed: [(folder: String, modules: [String])] = [
    ("Sources/Wire", []),
    ("Sources/FrameAllocator", []),
    ("Sources/XSK", ["CXDP"]),
    ("Sources/Steering", ["CXDP", "Wire", "XSK"]),
    ("Sources/Martlet", ["Wire", "FrameAllocator", "XSK", "Steering"]),
    ("Sources/MartletTestKit", ours.filter { $0 != "Expectations" }),
    ("examples", ["Martlet"]),
    ("tools/benchmarks", ["Martlet", "MartletTestKit"]),
    ("tools", ["Martlet"]),
    ("Tests", ours),
  ]

  /// What the modules that stand alone may import of the language's own libraries.
  private static let language = ["Swift", "Synchronization"]

  @Test func importsPointOneWay() throws {
    expectNone(try Repository().files.flatMap { wrongImports($0) })
  }

  @Test func foundationIsNowhere() throws {
    expectNone(try Repository().files.flatMap { foundation($0) })
  }

  @Test(arguments: [
    ("Sources/Wire/A.swift", "XSK"), ("Sources/Wire/A.swift", "Glibc"),
    ("Sources/FrameAllocator/A.swift", "Wire"), ("Sources/FrameAllocator/A.swift", "SystemPackage"),
    ("Sources/XSK/A.swift", "FrameAllocator"), ("Sources/XSK/A.swift", "Wire"),
    ("Sources/Steering/A.swift", "Martlet"), ("Sources/Martlet/A.swift", "CXDP"),
    ("Sources/Martlet/A.swift", "MartletTestKit"), ("examples/echo/main.swift", "XSK"),
    ("tools/martlet/main.swift", "Steering"), ("Sources/New/A.swift", "Wire"),
  ])
  func aWrongImportIsFound(path: String, module: String) {
    let file = File(path, "// import Wire\npublic import \(module)\n")
    let findings = wrongImports(file)
    #expect(findings.map(\.line) == [2])
    #expect(findings.allSatisfy { $0.message.contains(module) })
  }

  @Test(arguments: [
    ("Sources/XSK/A.swift", "internal import CXDP"),
    ("Sources/XSK/A.swift", "public import SystemPackage"),
    ("Sources/Wire/A.swift", "import Synchronization"),
    ("Sources/Martlet/A.swift", "public import struct XSK.Descriptor"),
    ("Sources/MartletTestKit/A.swift", "import Martlet"),
    ("Tests/XSKTests/A.swift", "@testable import XSK"),
    ("examples/echo/main.swift", "import Martlet"),
  ])
  func aRightImportIsNot(path: String, line: String) {
    #expect(wrongImports(File(path, line)).isEmpty)
  }

  @Test(arguments: ["Foundation", "FoundationEssentials", "struct Foundation.Data"])
  func foundationIsFound(_ module: String) {
    for path in ["Sources/Wire/A.swift", "Tests/WireTests/A.swift", "tools/martlet/A.swift"] {
      #expect(foundation(File(path, "\n@_exported import \(module)")).map(\.line) == [2])
    }
  }

  private func wrongImports(_ file: File) -> [Finding] {
    guard file.language == .swift, file.path != "Package.swift" else { return [] }
    let place = Self.allowed.first { file.isIn($0.folder) }
    let standsAlone = place?.modules.isEmpty == true
    return imports(of: file).compactMap { line, module in
      guard let place else {
        return finding(file, line, "imports \(module): no rule knows this folder")
      }
      let isAllowed =
        Self.ours.contains(module)
        ? place.modules.contains(module) : !standsAlone || Self.language.contains(module)
      return isAllowed ? nil : finding(file, line, "\(place.folder) must not import \(module)")
    }
  }

  private func foundation(_ file: File) -> [Finding] {
    imports(of: file).filter { $0.module.hasPrefix("Foundation") }
      .map { finding(file, $0.line, "imports \($0.module)") }
  }

  private func finding(_ file: File, _ line: Int, _ message: String) -> Finding {
    Finding(path: file.path, line: line, message: message)
  }

  /// Every module imported, with its line.
  private func imports(of file: File) -> [(line: Int, module: String)] {
    guard file.language == .swift else { return [] }
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let"]
    return file.codeLines.numbered.compactMap { number, text in
      guard text.contains("import") else { return nil }
      let words = text.words
      guard let position = words.firstIndex(of: "import") else { return nil }
      let module = words[(position + 1)...].drop { kinds.contains($0) }.first
      return module.map { (line: number, module: String($0)) }
    }
  }
}
