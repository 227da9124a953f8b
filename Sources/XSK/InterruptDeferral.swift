import SystemPackage

/// Keeps the interrupts of one part of a driver off while busy polling fetches its packets.
///
/// What was set before is put back when the value goes, and after a crash by whoever binds a queue
/// of that part next: until then it stands in a `SettingsRecord`.
public struct InterruptDeferral: ~Copyable {
  /// What the kernel calls that part.
  public let napi: UInt32
  private let before: NAPISettings
  private let record: SettingsRecord

  /// Defers the interrupts for a socket's queue; nil while the kernel does not say what part of the
  /// driver receives for it.
  ///
  /// Needs CAP_NET_ADMIN. Throws `.unsupported` before Linux 6.13, `.settingsHeld` where the same
  /// part serves a queue for which they are deferred already.
  public init?(of socket: borrowing Socket) throws(XDPError) {
    guard let napi = socket.napi else { return nil }
    let interface = socket.interface
    let operation = "defer the interrupts of queue \(socket.queue) of \(interface.name)"
    guard let before = NAPISettings(of: napi) else {
      throw XDPError(
        .unsupported, operation: operation,
        reason: "this kernel sets them for whole devices only",
        remedy: "use Linux 6.13, or set napi_defer_hard_irqs and gro_flush_timeout of the device")
    }
    let record = try Self.record(of: napi, interface)
    guard !record.isOwn else {
      throw XDPError(
        .settingsHeld, operation: operation,
        reason: "the driver serves another queue with the same interrupts, which are deferred",
        remedy: "give each queue interrupts of its own (ethtool -L), or poll one of the two")
    }
    // What was left is put back when a queue is bound; if that failed it counts still.
    let wanted = record.left.flatMap(Self.read) ?? before
    try record.write([Self.line(wanted)])
    if let errno = NAPISettings.polled.apply(to: napi) {
      record.withdraw()
      throw XDPError(
        errno == .notPermitted ? .notPermitted : .system, operation: operation,
        reason: "the kernel refuses (\(errno))", remedy: "run as root, or poll with interrupts",
        errno: errno)
    }
    self.napi = napi
    self.before = wanted
    self.record = record
  }

  deinit {
    Self.putBack(before, napi, record)
  }

  /// Puts back what a process that was killed left deferred for a socket's queue.
  ///
  /// Nothing if there is no record, its writer lives, or the driver has begun anew since.
  public static func restore(_ socket: borrowing Socket) {
    guard let napi = socket.napi, let record = try? record(of: napi, socket.interface),
      !record.isOwn, let before = record.left.flatMap(read)
    else { return }
    putBack(before, napi, record)
  }

  /// The record stays if the kernel refuses, for who may do it; not if that part is gone.
  private static func putBack(
    _ settings: NAPISettings, _ napi: UInt32, _ record: borrowing SettingsRecord
  ) {
    let failure = settings.apply(to: napi)
    if failure == nil || failure == .noSuchFileOrDirectory { record.remove() }
  }

  private static func record(
    of napi: UInt32, _ interface: Interface
  ) throws(XDPError) -> SettingsRecord {
    try SettingsRecord(of: interface, purpose: "napi\(napi)")
  }

  private static func line(_ settings: NAPISettings) -> String {
    "deferrals \(settings.deferrals) timeout \(settings.timeout)"
  }

  private static func read(_ lines: [String]) -> NAPISettings? {
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count == 4, words[0] == "deferrals", words[2] == "timeout",
      let deferrals = UInt32(words[1]), let timeout = UInt64(words[3])
    else { return nil }
    return NAPISettings(deferrals: deferrals, timeout: timeout)
  }
}
