/// What a driver announces that it can do for XDP and AF_XDP (the kernel's netdev netlink family,
/// Linux 6.3).
public struct DriverCapabilities: Sendable, Hashable {
  /// What XDP programs and sockets can have (`xdp-features`).
  public struct Features: OptionSet, Sendable, Hashable {
    /// The kernel's bits (`NETDEV_XDP_ACT_...`).
    public let rawValue: UInt64
    /// A set of the kernel's bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Native programs that pass, drop and send back.
    public static var basic: Self { Self(rawValue: 1) }
    /// Native programs that redirect, to sockets too.
    public static var redirect: Self { Self(rawValue: 2) }
    /// It takes packets that programs of other interfaces redirect to it.
    public static var redirectTarget: Self { Self(rawValue: 4) }
    /// Zero copy for AF_XDP sockets.
    public static var zeroCopy: Self { Self(rawValue: 8) }
    /// Programs that run in the hardware.
    public static var hardwareOffload: Self { Self(rawValue: 16) }
    /// Programs see packets of several fragments.
    public static var fragments: Self { Self(rawValue: 32) }
    /// It takes redirected packets of several fragments.
    public static var fragmentsTarget: Self { Self(rawValue: 64) }

    private static let names: [(Features, String)] = [
      (.basic, "basic"), (.redirect, "redirect"), (.redirectTarget, "ndo-xmit"),
      (.zeroCopy, "xsk-zerocopy"), (.hardwareOffload, "hw-offload"), (.fragments, "rx-sg"),
      (.fragmentsTarget, "ndo-xmit-sg"),
    ]

    /// The kernel's names of the bits that are known here.
    public var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
  }

  /// What a program can learn about a packet from the hardware (`xdp-rx-metadata-features`).
  public struct ReceiveMetadata: OptionSet, Sendable, Hashable {
    /// The kernel's bits (`NETDEV_XDP_RX_METADATA_...`).
    public let rawValue: UInt64
    /// A set of the kernel's bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// When it arrived.
    public static var timestamp: Self { Self(rawValue: 1) }
    /// The hash by which its queue was chosen.
    public static var hash: Self { Self(rawValue: 2) }
    /// The VLAN tag that was taken out.
    public static var vlanTag: Self { Self(rawValue: 4) }

    private static let names: [(ReceiveMetadata, String)] = [
      (.timestamp, "timestamp"), (.hash, "hash"), (.vlanTag, "vlan-tag"),
    ]

    /// The kernel's names of the bits that are known here.
    public var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
  }

  /// What a socket can ask of the hardware for a packet that it sends (`xsk-features`, Linux 6.8).
  public struct TransmitMetadata: OptionSet, Sendable, Hashable {
    /// The kernel's bits (`NETDEV_XSK_FLAGS_...`).
    public let rawValue: UInt64
    /// A set of the kernel's bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// When it left.
    public static var timestamp: Self { Self(rawValue: 1) }
    /// Its checksum.
    public static var checksum: Self { Self(rawValue: 2) }
    /// That it leaves at a certain time, in order.
    public static var launchTime: Self { Self(rawValue: 4) }

    private static let names: [(TransmitMetadata, String)] = [
      (.timestamp, "tx-timestamp"), (.checksum, "tx-checksum"),
      (.launchTime, "tx-launch-time-fifo"),
    ]

    /// The kernel's names of the bits that are known here.
    public var names: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
  }

  /// What XDP programs and sockets can have at present; it may change with the driver's settings.
  public var features: Features
  /// Most fragments of a packet in zero copy: 1 without multi-buffer, 0 where there is no zero copy
  /// or the kernel does not tell (before Linux 6.6).
  public var zeroCopySegments: Int
  /// What programs can learn about received packets.
  public var receiveMetadata: ReceiveMetadata
  /// What sockets can ask for sent ones.
  public var transmitMetadata: TransmitMetadata

  /// Capabilities to compare with.
  public init(
    features: Features = [], zeroCopySegments: Int = 0, receiveMetadata: ReceiveMetadata = [],
    transmitMetadata: TransmitMetadata = []
  ) {
    self.features = features
    self.zeroCopySegments = zeroCopySegments
    self.receiveMetadata = receiveMetadata
    self.transmitMetadata = transmitMetadata
  }

  /// Whether sockets can have zero copy: what the kernel itself asks for at a bind.
  public var offersZeroCopy: Bool { features.isSuperset(of: [.basic, .redirect, .zeroCopy]) }
}

extension DriverCapabilities: CustomStringConvertible {
  /// Such as "XDP features basic, redirect, xsk-zerocopy; zero copy in 1 segment".
  public var description: String {
    let names = features.names
    var parts = ["XDP features " + (names.isEmpty ? "none" : names.joined(separator: ", "))]
    if zeroCopySegments > 0 {
      parts.append(
        "zero copy in \(zeroCopySegments) segment\(zeroCopySegments == 1 ? "" : "s")")
    }
    let metadata = receiveMetadata.names + transmitMetadata.names
    if !metadata.isEmpty { parts.append("metadata " + metadata.joined(separator: ", ")) }
    return parts.joined(separator: "; ")
  }
}
