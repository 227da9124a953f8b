import XSK

/// What holds of the program that asks the driver (bpf/driver.bpf.c), which is loaded for one
/// device (`BPF_F_XDP_DEV_BOUND_ONLY`).
enum BoundProgram {
  /// Whether the kernel did not have to move a program while it verified it.
  ///
  /// Before it looks at a program that is bound to a device, Linux (seen from 6.12 to 7.3) notes
  /// where it lies, and never again: once the program grew out of its pages, the note leads to
  /// memory that is free. The device's end follows it, faults, and leaves the lock over all network
  /// settings held. A program that stays where it was is let go of well. Memory comes in pages; the
  /// program stands in it behind a header.
  static func staysInPlace(_ instructions: Int, verified: Int) -> Bool {
    let page = 4096
    let room = (8 * instructions + page - 1) / page * page
    // Some 100 bytes, and growing from one kernel to the next.
    let header = 256
    // What may be put in before what is never reached is taken out: loops, some 20 each.
    let loops = 64
    return header + 8 * (instructions + loops) <= room && header + 8 * verified <= room
  }

  /// Where the kernel says whether it blinds the constants of programs: 2 if it does.
  static let blinding = "/proc/sys/net/core/bpf_jit_harden"

  /// Throws unless the driver of `interface` knows what is asked, and can be asked in this mode and
  /// on a kernel as this is set.
  ///
  /// Blinding makes programs longer, on newer kernels where they stand. Where the setting cannot be
  /// read, as in a network namespace, `staysInPlace` sees it afterwards.
  static func check(
    _ interface: Interface, _ mode: AttachMode, asksTime: Bool,
    blindedBy setting: String? = try? TextFile.contents(of: blinding)
  ) throws(XDPError) {
    guard mode == .native else {
      throw refusal(
        .modeRefused, interface, "in generic mode no driver is asked",
        "use native mode, or do without the driver's facts")
    }
    guard setting?.first != "2" else {
      throw refusal(
        .unsupported, interface,
        "this kernel blinds constants, and may then fault when the device goes",
        "set net.core.bpf_jit_harden to 1 or 0, or do without the driver's facts")
    }
    let offer = try interface.capabilities().receiveMetadata
    let useful: DriverCapabilities.ReceiveMetadata = asksTime ? [.hash, .timestamp] : .hash
    guard offer.isDisjoint(with: useful) else { return }
    let names = offer.names.isEmpty ? "nothing" : offer.names.joined(separator: ", ")
    throw refusal(
      .unsupported, interface,
      "driver \(interface.driver() ?? "without a name") offers \(names) of a packet, "
        + "not its \(useful.names.joined(separator: " or "))",
      "do without the driver's facts: the program has a hash and a clock of its own")
  }

  static func refusal(
    _ kind: XDPError.Kind, _ interface: Interface, _ reason: String, _ remedy: String
  ) -> XDPError {
    XDPError(
      kind, operation: "ask the driver of \(interface.name) about packets", reason: reason,
      remedy: remedy)
  }
}
