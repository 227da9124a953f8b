import MartletTestKit
import Steering
import Testing
import Wire

/// Rules as text: what is read, what is printed, and what an error says.
struct RuleTextTests {
  @Test func aRuleAsUsersKnowThem() throws {
    let text = "udp dst port 4789 and src net 10.0.0.0/8 and vlan 7 -> group video"
    let rule = try #require(try RuleText.parse(text).first)
    var match = Match.udp(destinationPort: 4789)
    match.source = .is(.v4(IPv4Address(10, 0, 0, 0), length: 8))
    match.vlan = .is(.identifier(7))
    #expect(rule == Rule(match, .group("video")))
    #expect(
      rule.description == "vlan 7 and src net 10.0.0.0/8 and udp and dst port 4789 -> group video")
  }

  static let texts = [
    "* -> kernel", "interface eth0 and queue 3 -> socket", "not vlan 5 and inner vlan -> drop",
    "ether src 02:00:00:00:00:01 and not ether dst ff:ff:ff:ff:ff:ff -> count",
    "ether proto 0x88cc -> drop", "arp and dst host 192.0.2.1 -> kernel",
    "priority -5 ip6 and src net 2001:db8::/32 and not dst host 2001:db8::1 -> back",
    "ip and proto 1 -> kernel",
    "not udp and not src port 53 and dst port 80-443 -> sockets a,b by hash",
    "tcp and tcp flags syn,!ack -> sockets a,b,c by symmetric hash",
    "not fragment -> forward eth1", "priority 7 sctp -> forward eth1 ttl",
    "udp -> forward eth1 mac 02:00:00:00:00:01 02:00:00:00:00:02 ttl", "not tcp flags any -> drop",
    "tcp flags syn,!syn -> count",
  ]

  @Test(arguments: texts) func whatIsPrintedIsWhatWasRead(_ text: String) throws {
    let rule = try #require(try RuleText.parse(text).first)
    #expect(rule.description == text)
  }

  static let others = [
    ("any -> drop", "* -> drop"), ("on eth0 -> drop", "interface eth0 -> drop"),
    ("icmp -> drop", "ip and proto 1 -> drop"), ("icmp6 -> drop", "ip6 and proto 58 -> drop"),
    ("proto gre -> drop", "proto 47 -> drop"), ("ether proto arp -> drop", "arp -> drop"),
    ("tcp dst port 80 -> drop", "tcp and dst port 80 -> drop"),
    ("icmp and ip -> drop", "ip and proto 1 -> drop"),
    ("icmp and ip6 -> drop", "ip6 and proto 1 -> drop"),
    ("icmp6 and ip6 and ip -> drop", ""), ("  udp&&arp -> drop", ""),
    ("! arp -> drop # all but this", "not arp -> drop"),
    ("src net 10.0.0.0/32 -> drop", "src host 10.0.0.0 -> drop"),
  ]

  @Test(arguments: others) func otherSpellings(_ text: String, _ printed: String) throws {
    guard !printed.isEmpty else {
      #expect(throws: RuleTextError.self) { try RuleText.parse(text) }
      return
    }
    #expect(try RuleText.parse(text).map(\.description) == [printed])
  }

  @Test func randomRulesReadAsTheyWerePrinted() throws {
    var world = RandomRules(seed: 3)
    for rule in world.rules(2000) {
      // The text says everything but a match for nothing at all.
      #expect(try RuleText.parse(rule.description) == [rule], "\(rule)")
    }
  }

  @Test func linesCommentsAndConfirmation() throws {
    let change = try RuleText.parseChange(
      """
      # two rules

      arp -> kernel   # resolution
      confirm within 10s
      * -> drop
      """)
    #expect(change.confirmWithin == .seconds(10))
    #expect(change.steps == [.add(Rule(.arp, .kernel)), .add(Rule(.everything, .drop))])
  }

  @Test("A mark that some editors put before the text is none of it")
  func byteOrderMark() throws {
    #expect(try RuleText.parse("\u{FEFF}udp -> drop\n") == RuleText.parse("udp -> drop\n"))
  }

  @Test("Lines end as every system ends them", arguments: ["\n", "\r\n", "\r"])
  func lineEnds(_ end: String) throws {
    let lines = ["# two", "arp -> kernel # resolution", "", "confirm within 2min", "* -> drop", ""]
    let change = try RuleText.parseChange(lines.joined(separator: end))
    #expect(change.confirmWithin == .seconds(120))
    #expect(change.steps == [.add(Rule(.arp, .kernel)), .add(Rule(.everything, .drop))])
  }

  @Test(arguments: [("2min", Duration.seconds(120)), ("1500ms", .milliseconds(1500))])
  func timesToConfirm(_ text: String, _ time: Duration) throws {
    #expect(try RuleText.parseChange("confirm within \(text)").confirmWithin == time)
  }

  static let errors = [
    ("not not udp -> drop", "line 1, column 5: `not` is no field"),
    (
      "priority -9223372036854775808 arp -> drop",
      "line 1, column 10: `-9223372036854775808` is no number above -9223372036854775808"
    ),
    ("priority 5 priority 6 udp -> drop", "line 1, column 12: `priority` stands first, and once"),
    ("udp and any -> drop", "line 1, column 9: `any` stands alone"),
    ("\u{FEFF}urp -> drop", "line 1, column 1: `urp` is no field; did you mean `arp`?"),
    ("\n\narp and prot 5 -> drop", "line 3, column 9: `prot` is no field; did you mean `proto`?"),
    (
      "udp dst prot 5 -> drop",
      "line 1, column 9: `prot` stands where `net` or `host` or `port` should; did you mean `port`?"
    ),
    (
      // One letter with marks.
      "x" + String(repeating: "\u{301}", count: 60) + " -> drop",
      "line 1, column 1: `x" + String(repeating: "\u{301}", count: 59) + "…` is no field"
    ),
    ("arp -> dorp", "line 1, column 8: `dorp` is no action; did you mean `drop`?"),
    ("arp", "line 1, column 4: `->` is missing"),
    ("arp ->", "line 1, column 7: an action is missing"),
    ("-> drop", "line 1, column 1: a field is missing"),
    ("vlan 5000 -> drop", "line 1, column 6: `5000` is no VLAN from 0 to 4095"),
    (
      "src net 10.0.0.1/8 -> drop", "line 1, column 9: `10.0.0.1/8` is no prefix such as 10.0.0.0/8"
    ),
    ("dst port 9-5 -> drop", "line 1, column 10: `9-5` is no port or a range such as 80-443"),
    ("udp and tcp -> drop", "line 1, column 9: `tcp` asks about a field twice"),
    (
      "udp or tcp -> drop",
      "line 1, column 5: `or` stands where `and` or `->` should; did you mean `on`?"
    ),
    ("arp -> drop now", "line 1, column 13: `now` is too much"),
    (
      "not icmp -> drop",
      "line 1, column 5: `not icmp` asks about protocol and version; write `not proto icmp`"
    ),
    ("tcp flags sin -> drop", "line 1, column 11: `sin` is no list of TCP flags such as syn,!ack"),
    ("arp -> group", "line 1, column 13: a group's name is missing"),
    (
      "arp -> sockets a,b by chance",
      "line 1, column 23: `chance` stands where `hash` or `symmetric` should"
    ),
    ("confirm in 5s", "line 1, column 9: `in` stands where `within` should"),
    ("confirm within soon", "line 1, column 16: `soon` is no time such as 10s"),
    ("confirm within 0s", "line 1, column 16: `0s` is no time such as 10s"),
    ("confirm within 1s\n confirm within 2s", "line 2, column 2: `confirm` stands twice"),
  ]

  @Test(arguments: errors) func errorsPointAtTheWord(_ text: String, _ said: String) {
    do throws(RuleTextError) {
      _ = try RuleText.parse(text)
      Issue.record("no error")
    } catch {
      #expect(error.description == said)
    }
  }

  @Test("A file that is one long word is refused at once, without a search for what was meant")
  func longWord() {
    let start = ContinuousClock.now
    #expect(throws: RuleTextError.self) {
      try RuleText.parse(String(repeating: "u", count: 200_000) + " -> drop")
    }
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  /// Whatever the bytes are, the answer is rules or an error.
  @Test func noiseIsRefused() {
    var world = RandomRules(seed: 4)
    let words =
      Self.texts.joined(separator: " ").split(separator: " ").map(String.init) + ["#", "\n"]
    for _ in 0..<2000 {
      let text = (0..<6).map { _ in world.pick(words) }.joined(separator: " ")
      _ = try? RuleText.parse(text)
    }
  }
}
