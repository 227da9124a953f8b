import ArgumentParser
import Martlet

/// `martlet sink A`: takes every packet and drops it.
struct SinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sink",
    abstract: "Receives and counts every packet, and drops it.",
    discussion: """
      What was received and taken shows as dropped by verdict; what was too much, by its cause.

      Example: martlet sink eth1 --seconds 10 --json
      """)

  @Argument(help: "The interface.") var interface: String
  @OptionGroup var options: CommonOptions

  func run() throws {
    try Session(options: options, title: "sinking what arrives on \(interface)").run {
      configuration throws(XDPError) in
      try Relay(.sink, interface, options: options, configuration: configuration)
    }
  }
}
