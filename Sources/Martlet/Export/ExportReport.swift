public import XSK

/// What went to another process and came back, and what did not.
public struct ExportReport: Sendable, Hashable {
  /// Why an export is over.
  public enum Ending: Sendable, Hashable {
    /// The application ended it.
    case application
    /// The process is gone, or closed its end.
    case peerGone
    /// The process had packets and gave none back for as long as the terms say.
    case stalled
    /// The process wrote what no honest one does into the channel's cursors, kept naming what it
    /// does not have, or kept waking the engine for nothing.
    case broken
  }

  /// The group.
  public var group: FlowGroup
  /// The process, when it connected; nil if the kernel did not say.
  public var peer: PeerProcess?
  /// Why it is over; nil while it goes on.
  public var ending: Ending?
  /// Packets put into the channel for a consumer, or taken from a tenant to be sent.
  public var packets: UInt64 = 0
  /// Bytes of these.
  public var bytes: UInt64 = 0
  /// Packets that came back, by verdict.
  public var dropped: UInt64 = 0
  /// Packets that went on through the port for that.
  public var forwarded: UInt64 = 0
  /// Packets that went to the stack through the port for that.
  public var toKernel: UInt64 = 0
  /// Packets that were copied into the arena.
  public var copied: UInt64 = 0
  /// Packets dropped because the consumer had as many as it may.
  public var stalled: UInt64 = 0
  /// Packets dropped because they lay outside the arena and were not to be copied, were in several
  /// fragments, or found no room to be copied to.
  public var unfit: UInt64 = 0
  /// Entries of the other process that named no packet it had, were given twice, or asked for what
  /// it may not: nothing came of them but this count.
  public var refused: UInt64 = 0
  /// Packets that were with the process when the export ended; all came home.
  public var broughtHome: UInt64 = 0
  /// Packets that were for the process when the export was over already; all were dropped.
  public var late: UInt64 = 0
  /// System calls made to wake the process.
  public var wakes: UInt64 = 0
  /// Packets that are with the process.
  public var outstanding = 0
}
