import Testing

/// The tests' own reader, so that a report that only seems to be JSON fails.
@Suite struct JSONTests {
  @Test func reads() throws {
    let value = try JSONValue(#" {"a": [1, -2.5, "x\n\"\u0041"], "b": {"c": null}, "d": true} "#)
    #expect(value.keys == ["a", "b", "d"])
    #expect(value["a"]?.elements == [.number(1), .number(-2.5), .string("x\n\"A")])
    #expect(value["b", "c"] == .null)
    #expect(value["d"] == .boolean(true))
    #expect(value["e"] == nil)
  }

  @Test(arguments: [
    "", "{", "{}{}", "{\"a\":}", "[1,]", "[1 2]", "\"\n\"", "nul", "{a:1}", "{\"a\" 1}", "\"\\x\"",
  ])
  func refuses(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(text) }
  }
}
