import ArgumentParser
import Martlet

/// `martlet reflect A`: sends every packet back.
struct ReflectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reflect",
    abstract: "Sends every packet back where it came from.",
    discussion: """
      Source and destination MAC address are swapped, nothing else is changed.

      Example: martlet reflect eth1 --spin --cpu 2
      """)

  @Argument(help: "The interface.") var interface: String
  @OptionGroup var options: CommonOptions

  func run() throws {
    try Session(options: options, title: "reflecting on \(interface)").run {
      configuration throws(XDPError) in
      try Relay(.reflect, interface, options: options, configuration: configuration)
    }
  }
}
