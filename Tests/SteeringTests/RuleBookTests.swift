import Testing

@testable import Steering

/// Numbers of rules that go and come in one change.
struct RuleBookTests {
  @Test func aRuleThatIsRemovedTwiceComesAgainOnce() throws {
    var book = RuleBook()
    var next: UInt32 = 1
    var interfaces = InterfaceNumbers()
    let rule = Rule(.arp, .drop)
    let first = try book.apply(RuleChange([.add(rule)]), next: &next, interfaces: &interfaces)
    let change = RuleChange([.remove(first[0]), .removeAll, .add(rule), .add(rule)])
    let ids = try book.apply(change, next: &next, interfaces: &interfaces)
    #expect(ids == [first[0], RuleID(rawValue: 2)])
    #expect(book.rules.map(\.id) == ids)
  }
}
