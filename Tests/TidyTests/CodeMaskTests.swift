import Testing

/// What the rules read must be code and nothing else, in its place.
@Suite struct CodeMaskTests {
  private func swift(_ text: String) -> String {
    String(decoding: CodeMask.swift(Array(text.utf8)), as: UTF8.self)
  }

  private func c(_ text: String) -> String {
    String(decoding: CodeMask.c(Array(text.utf8)), as: UTF8.self)
  }

  private func blank(_ count: Int) -> String { String(repeating: " ", count: count) }

  @Test func commentsAreBlank() {
    #expect(swift("a // { b\nc") == "a       \nc")
    #expect(swift("a /* { /* } */ { */ b") == "a" + blank(19) + "b")
    #expect(c("a /* /* */ b") == "a          b")
  }

  @Test func stringsAreBlank() {
    #expect(swift(#"f("{") + g"#) == #"f(" ") + g"#)
    #expect(swift(#"f("\"{") + g"#) == #"f("   ") + g"#)
    #expect(swift(##"f(#"a"{"#) + g"##) == ##"f(#"   "#) + g"##)
    #expect(swift("\"\"\"\n a \" {\n\"\"\" + g") == "\"\"\"\n      \n\"\"\" + g")
    #expect(c(#"f("//", '"', '\'', x)"#) == #"f("  ", ' ', '  ', x)"#)
  }

  @Test func interpolatedCodeStays() {
    #expect(swift(#""a\(f(x) { y })b" + g"#) == #""   f(x) { y }  " + g"#)
    #expect(swift(#""\(f("{"))" + g"#) == #""  f(" ") " + g"#)
    #expect(swift(##"#"\(a) \#(b)"# + g"##) == ##"#"        b "# + g"##)
  }

  @Test func whatIsNotClosedEndsWithTheLine() {
    #expect(swift("#error(\"a\nb {") == "#error(\" \nb {")
    #expect(c("#error don't\nb {") == "#error don't\nb {")
  }

  @Test(arguments: ["", "\"", "/*", "\"\\", "\"\\(", "#\"", "'", "\"\"\"", "/", "\\"])
  func brokenTextDoesNotTrap(_ text: String) {
    #expect(swift(text).utf8.count == text.utf8.count)
    #expect(c(text).utf8.count == text.utf8.count)
  }
}
