import ArgumentParser
import Martlet

/// `martlet forward A B`: a transparent wire between two interfaces.
struct ForwardCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forward",
    abstract: "Joins two interfaces by a transparent wire.",
    discussion: """
      Every frame that arrives at one interface leaves at the other byte for byte, in both \
      directions and in order per queue: ARP, LLDP, VLAN tags, broken packets and all. The kernel \
      sees none of them. Queue N of one side goes to queue N of the other. Where rules are given, \
      they decide first; see docs/steering.md and "martlet rules --help".

      Example: martlet forward eth1 eth2 --seconds 10
      """)

  @Argument(help: "One interface.") var left: String
  @Argument(help: "The other interface.") var right: String
  @Option(
    help: ArgumentHelp(
      "Ask these rules first, of one file or several; what none names is forwarded.",
      valueName: "FILE"))
  var rules: [String] = []
  @Flag(help: "Count what arrives by the rule that named it, as packets say themselves.")
  var facts = false
  @OptionGroup var options: CommonOptions

  func validate() throws {
    // One interface may have several names.
    let indices = [left, right].map { try? Interface(named: $0).index }
    guard left != right, indices[0] == nil || indices[0] != indices[1] else {
      throw ValidationError("A wire needs two different interfaces; see \"martlet reflect\".")
    }
  }

  func run() throws {
    let first: [Rule]
    do throws(Complaint) {
      first = try RuleFile.rules(of: rules)
    } catch {
      Terminal.note(error.text)
      throw ExitCode.failure
    }
    try Session(options: options, title: "forwarding \(left) <-> \(right)", rules: first).run {
      configuration throws(XDPError) in
      var configuration = configuration
      configuration.readsFacts = facts
      return try Relay(
        .forward, left, right, options: options, rules: first, configuration: configuration)
    }
  }
}
