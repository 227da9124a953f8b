/// What a driver does in zero copy and announces nowhere.
///
/// Seen with the drivers of Linux 6.18 and 7.3 in QEMU's models of their devices; the scenarios of
/// `tools/zero-copy` hold what is built on it.
struct DriverQuirks: Equatable {
  /// The device receives into multiples of so many bytes.
  ///
  /// A longer packet comes in pieces, each as a packet of its own.
  var receiveUnit = 1
  /// When frames to receive into have run out, the driver takes descriptors of the round before for
  /// new packets.
  ///
  /// Those come again, from chunks that are others' by then. Of unaligned chunks the kernel is
  /// given back more than it gave, and writes beyond the end of its list.
  var repeatsWhenDry = false

  init(driver: String?) {
    guard driver == "igb" else { return }
    // SRRCTL.BSIZEPKT counts KiB.
    receiveUnit = 1024
    repeatsWhenDry = true
  }

  /// Bytes of the longest packet that comes in one piece, where chunks hold `largestPacket`.
  func largestWhole(of largestPacket: Int) -> Int { largestPacket / receiveUnit * receiveUnit }
}

extension Interface {
  var quirks: DriverQuirks { DriverQuirks(driver: driver()) }

  /// Throws if only those who ask for zero copy by name should have it.
  package func checkZeroCopyIsHarmless() throws(XDPError) {
    guard quirks.repeatsWhenDry else { return }
    throw XDPError(
      .modeRefused, operation: "choose zero copy on \(name)",
      reason: "driver \(driver() ?? "unknown") repeats packets when the fill ring has run dry",
      remedy: "ask for zero copy by name if it never will, or use copy mode")
  }
}
