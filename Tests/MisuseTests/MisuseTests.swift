import Testing

/// What a user must not be able to do does not compile.
///
/// Each mistake is a row of a table, `Misuse+Rings.swift` and its like.
@Suite struct MisuseTests {
  /// Every mistake known.
  static let all = Misuse.rings + Misuse.frames + Misuse.flows

  @Test(arguments: all) func misuseDoesNotCompile(_ misuse: Misuse) throws {
    let answer = try Compiler().compile(misuse.snippet)
    #expect(!answer.isAccepted, "compiled: \(misuse.snippet)")
    #expect(answer.errors.contains { $0.contains(misuse.expected) }, "\(answer.output)")
  }

  @Test(arguments: all) func theSameWithoutTheMistakeCompiles(_ misuse: Misuse) throws {
    #expect(misuse.corrected != misuse.snippet, "no line ends in // misuse")
    let answer = try Compiler().compile(misuse.corrected)
    #expect(answer.isAccepted, "\(answer.output)")
  }

  @Test func everyModuleOfTheLibraryIsSeen() throws {
    let program = """
      import FrameAllocator
      import Martlet
      import MartletTestKit
      import Steering
      import Wire
      import XSK
      func f(_ rings: borrowing QueueRings) -> UInt32 { rings.receive.remaining }
      """
    let answer = try Compiler().compile(program)
    #expect(answer.isAccepted, "\(answer.output)")
  }

  @Test func aBrokenProgramIsRefused() throws {
    let answer = try Compiler().compile("import XSK\nlet x: Int = Nothing()\n")
    #expect(!answer.isAccepted)
    #expect(answer.errors.contains { $0.contains("cannot find 'Nothing' in scope") })
  }
}
