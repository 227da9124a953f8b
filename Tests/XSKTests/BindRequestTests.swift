import MartletTestKit
import SystemPackage
import Testing

@testable import XSK

/// What is said of a bind that was refused.
@Suite struct BindRequestTests {
  @Test("That nothing is left to bind beside refuses no mode", arguments: BindMode.allCases)
  func nothingToJoin(_ mode: BindMode) throws {
    let request = BindRequest(
      try Interface(named: "lo"), queue: 0, mode: mode, options: .init(), umem: try makeUMEM())
    let error = request.explain(.join, .noSuchAddressOrDevice)
    #expect(error.kind == .interfaceGone && error.remedy == "close their sockets first")
  }
}
