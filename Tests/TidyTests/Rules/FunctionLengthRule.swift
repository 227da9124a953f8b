import Testing

/// No function over 70 lines, in Swift and C; the scripts keep to it as well.
@Suite struct FunctionLengthRule {
  @Test func functionsFit() throws {
    expectNone(try Repository().files.flatMap { longFunctions($0) })
  }

  @Test(arguments: ["func f() {", "init() {", "deinit {", "subscript(i: Int) -> I {", "var x: I {"])
  func aLongFunctionIsFound(_ head: String) {
    let fits = "struct S {\n\(head)\n" + String(repeating: "\n", count: 68) + "}\n}\n"
    let long = "struct S {\n\(head)\n" + String(repeating: "\n", count: 69) + "}\n}\n"
    #expect(longFunctions(File("a.swift", fits)).isEmpty)
    #expect(longFunctions(File("a.swift", long)).map(\.line) == [2])
  }

  @Test func aLongFunctionInAnotherLanguageIsFound() {
    let body = String(repeating: "\n", count: 70) + "}\n"
    #expect(longFunctions(File("a.c", "int f(int a) {" + body)).map(\.line) == [1])
    #expect(longFunctions(File("a.c", "struct s {" + body)).isEmpty)
    #expect(longFunctions(File("a.sh", "\nf() {" + body)).map(\.line) == [2])
  }

  @Test func functionsAreFoundWhereTheyAre() {
    let text = """
      protocol P { func a(); func b(x: Int) -> Int }
      struct S {
        let f = { 1 }
        var x: Int { 1 }
        var y = [1].map { $0 }
        init(
          a: () -> Void = {}, b: [Int]
        ) {
          self.init { if a { } }
        }
        func g<T>(_ t: T) -> T where T: P {
          func inner() { }
          let s = "} \\(t.map { "{" })"  // }
          return t
        }
        subscript(i: Int) -> Int {
          get { 1 }
          set { }
        }
        deinit { }
      }
      """
    let found = FunctionScanner.functions(of: File("a.swift", text)).map {
      "\($0.name) \($0.firstLine)-\($0.lastLine)"
    }
    #expect(
      found == [
        "var 4-4", "init 6-10", "inner 12-12", "g 11-15", "subscript 16-19", "deinit 20-20",
      ])
  }

  private func longFunctions(_ file: File) -> [Finding] {
    let functions =
      switch file.language {
      case .swift, .c: FunctionScanner.functions(of: file)
      case .bash: bashFunctions(file)
      case .prose, .binary: [FunctionScanner.Function]()
      }
    return functions.filter { $0.lineCount > 70 }.map {
      Finding(
        path: file.path, line: $0.firstLine,
        message: "\($0.name) has \($0.lineCount) lines, more than 70")
    }
  }

  /// From `name() {` to the first `}` at the start of a line.
  private func bashFunctions(_ file: File) -> [FunctionScanner.Function] {
    var functions: [FunctionScanner.Function] = []
    var open: (name: String, line: Int)?
    for (number, text) in file.lines.numbered {
      if text.hasSuffix("() {"), text.first != " " {
        open = (name: String(text.dropLast(4)), line: number)
      } else if text == "}", let start = open {
        functions.append(.init(name: start.name, firstLine: start.line, lastLine: number))
        open = nil
      }
    }
    return functions
  }
}
