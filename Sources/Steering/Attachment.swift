/// Where in the kernel the program is run.
public enum AttachMode: Sendable, Hashable, CustomStringConvertible {
  /// In the driver, before the kernel makes a packet of its own of what arrived
  /// (`XDP_FLAGS_DRV_MODE`).
  case native
  /// In the network stack, with any driver, slower (`XDP_FLAGS_SKB_MODE`).
  case generic

  /// "native" or "generic".
  public var description: String {
    switch self {
    case .native: "native"
    case .generic: "generic"
    }
  }
}

/// How the program holds on to an interface.
public enum Attachment: Sendable, Hashable, CustomStringConvertible {
  /// Under libxdp's dispatcher, by netlink.
  case dispatcher
  /// By a bpf_link.
  case link

  /// "dispatcher" or "link".
  public var description: String {
    switch self {
    case .dispatcher: "dispatcher"
    case .link: "link"
    }
  }

  /// What stays behind if the process is killed.
  public var afterCrash: String {
    switch self {
    case .dispatcher:
      "the program stays and passes packets to the kernel; the next start replaces it"
    case .link: "nothing stays: the program goes with the process"
    }
  }
}
