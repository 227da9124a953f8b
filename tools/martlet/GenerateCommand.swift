import ArgumentParser
import Martlet

/// `martlet generate A`: sends UDP packets.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Sends UDP packets out of an interface.",
    discussion: """
      The packets are made in packet memory, with right checksums and a payload of zeros. The \
      addresses are those of RFC 2544 for measurements (198.18.0.0/15), sent from the interface's \
      own MAC address to one that nobody has. What arrives meanwhile goes to the kernel.

      Example: martlet generate eth1 --rate 1000 --size 1514 --flows 16 --count 100000
      """)

  @Argument(help: "The interface.") var interface: String

  @Option(help: ArgumentHelp("Packets per second; 0 is as fast as it goes.", valueName: "N"))
  var rate = 0
  @Option(help: ArgumentHelp("Bytes of each frame, from the MAC addresses on.", valueName: "N"))
  var size = 60
  @Option(help: ArgumentHelp("Stop when so many packets were sent.", valueName: "N"))
  var count: Int?
  @Option(help: ArgumentHelp("Flows in turn, each with a source port of its own.", valueName: "N"))
  var flows = 1

  @Option(
    help: ArgumentHelp("Source MAC address. (default: the interface's)", valueName: "MAC"),
    transform: { text in try read(text, "a MAC address") })
  var sourceMac: MACAddress?
  @Option(
    help: ArgumentHelp("Destination MAC address. (default: 02:00:00:00:00:01)", valueName: "MAC"),
    transform: { text in try read(text, "a MAC address") })
  var destinationMac = MACAddress(0x02, 0, 0, 0, 0, 0x01)
  @Option(
    help: ArgumentHelp("Source IPv4 address. (default: 198.18.0.1)", valueName: "IP"),
    transform: { text in try read(text, "an IPv4 address") })
  var sourceIp = IPv4Address(198, 18, 0, 1)
  @Option(
    help: ArgumentHelp("Destination IPv4 address. (default: 198.19.0.1)", valueName: "IP"),
    transform: { text in try read(text, "an IPv4 address") })
  var destinationIp = IPv4Address(198, 19, 0, 1)
  @Option(
    help: ArgumentHelp("Source port of the first flow; the next flow has the next.", valueName: "N")
  )
  var sourcePort: UInt16 = 10_000
  @Option(
    help: ArgumentHelp("Destination port; 9 is for what is thrown away.", valueName: "N"))
  var destinationPort: UInt16 = 9

  @OptionGroup var options: CommonOptions

  func validate() throws {
    guard (0...1_000_000_000).contains(rate) else {
      throw ValidationError("--rate takes 0 to 1000000000 packets per second.")
    }
    guard (Datagram.headerByteCount...9014).contains(size) else {
      throw ValidationError("--size takes \(Datagram.headerByteCount) to 9014 bytes.")
    }
    guard options.cpu.count <= 1 else {
      throw ValidationError("generate has one worker: --cpu takes one processor.")
    }
    if let count, count < 1 { throw ValidationError("--count counts packets, from 1.") }
    let most = 65_536 - Int(sourcePort)
    guard (1...most).contains(flows) else {
      throw ValidationError("--flows takes 1 to \(most) when ports begin at \(sourcePort).")
    }
  }

  func run() throws {
    try Session(options: options, title: "generating on \(interface)").run {
      configuration throws(XDPError) in
      try Generator(self, configuration: configuration)
    }
  }
}

/// Reads an address of some kind from the command line.
private func read<A: LosslessStringConvertible>(_ text: String, _ kind: String) throws -> A {
  guard let address = A(text) else { throw ValidationError("'\(text)' is not \(kind).") }
  return address
}
