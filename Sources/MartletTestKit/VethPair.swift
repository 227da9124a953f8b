/// Two virtual Ethernet interfaces joined by a cable: what one end sends, the other receives.
///
/// Both ends are up. What breaks checksums and packet boundaries for XDP - checksum, segmentation,
/// receive and VLAN offloads - is off, so that frames are on the wire what programs meant.
/// The interfaces vanish with their namespace.
public struct VethPair: Sendable {
  /// The end in the current namespace.
  public let near: String
  /// The other end, in the namespace that was asked for.
  public let far: String

  /// How to make a pair.
  public struct Options: Sendable {
    /// Receive and transmit queues of each end.
    ///
    /// Native XDP needs as many on both ends.
    public var queueCount = 1
    /// MTU of both ends in bytes, without the Ethernet header.
    public var mtu = 1500
    /// Where the far end goes; nil for the current namespace.
    public var farNamespace: NetworkNamespace?
    /// Address of the near end with its prefix length, such as "10.0.0.1/24".
    public var nearAddress: String?
    /// Address of the far end with its prefix length.
    public var farAddress: String?

    /// One queue, MTU 1500, both ends in the current namespace, no addresses.
    public init() {}
  }

  /// Makes a pair in the current namespace.
  ///
  /// Names have at most 15 characters.
  ///
  /// Needs `CAP_NET_ADMIN` and the programs `ip` and `ethtool`.
  public init(_ near: String, _ far: String, _ change: (inout Options) -> Void = { _ in }) throws {
    var options = Options()
    change(&options)
    self.near = near
    self.far = far
    let kind =
      ["mtu", "\(options.mtu)", "numtxqueues", "\(options.queueCount)"]
      + ["numrxqueues", "\(options.queueCount)"]
    let place = options.farNamespace.map { ["netns", $0.path] } ?? []
    try runProgram(
      ["ip", "link", "add", "name", near] + kind + ["type", "veth", "peer", "name", far] + kind
        + place)
    try Self.bringUp(near)
    try Self.inside(options.farNamespace) { try Self.bringUp(far) }
    try Self.settle(near, address: options.nearAddress)
    try Self.inside(options.farNamespace) { try Self.settle(far, address: options.farAddress) }
  }

  private static func bringUp(_ name: String) throws {
    try runProgram(["ethtool", "-K", name] + offloads.flatMap { [$0, "off"] })
    try runProgram(["ip", "link", "set", "dev", name, "up"])
  }

  private static func settle(_ name: String, address: String?) throws {
    try waitForCarrier(name)
    if let address { try assignAddress(address, to: name) }
  }

  private static func inside(_ namespace: NetworkNamespace?, _ body: () throws -> Void) throws {
    if let namespace { try namespace.run(body) } else { try body() }
  }
}

/// ethtool's names of what is turned off.
private let offloads = ["rx", "tx", "sg", "tso", "gso", "gro", "txvlan", "rxvlan"]
