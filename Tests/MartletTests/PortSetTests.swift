import Expectations
import Testing

@testable import Martlet

@Suite struct PortSetTests {
  @Test("A set has what was put in and not taken out, and gives the lowest first")
  func members() {
    var set = PortSet()
    expect(set.isEmpty)
    let members = [127, 0, 63, 64, 5, 65]
    for member in members { set.insert(member) }
    set.insert(5)
    expectEqual((0..<128).filter { set.contains($0) }, members.sorted())
    set.remove(64)
    set.remove(64)
    set.remove(1)
    var popped: [Int] = []
    while let member = set.popFirst() { popped.append(member) }
    expectEqual(popped, [0, 5, 63, 65, 127])
    expect(set.isEmpty)
  }
}
