import SystemPackage

/// Keeps the interrupts of one queue off while its packets are fetched by busy polling.
///
/// What was set before is put back when the value goes, and after a crash by whoever binds the
/// queue next: until then it stands in a `SettingsRecord`.
public struct InterruptDeferral: ~Copyable {
  /// What the kernel calls the part of the driver that receives for the queue.
  public let napi: UInt32
  private let before: NAPISettings
  private let record: SettingsRecord

  /// Defers the interrupts of a socket's queue; nil while the kernel does not say what part of the
  /// driver receives for it.
  ///
  /// Needs CAP_NET_ADMIN. Throws `.unsupported` before Linux 6.13.
  public init?(
    of socket: borrowing Socket, folder: String = SettingsRecord.standardFolder
  ) throws(XDPError) {
    guard let napi = socket.napi else { return nil }
    let interface = socket.interface
    let operation = "defer the interrupts of queue \(socket.queue) of \(interface.name)"
    guard let before = NAPISettings(of: napi) else {
      throw XDPError(
        .unsupported, operation: operation,
        reason: "this kernel sets them for whole devices only",
        remedy: "use Linux 6.13, or set napi_defer_hard_irqs and gro_flush_timeout of the device")
    }
    let record = try SettingsRecord(
      of: interface, purpose: Self.purpose(socket.queue), folder: folder)
    try record.write([Self.line(napi, before)])
    if let errno = NAPISettings.polled.apply(to: napi) {
      record.remove()
      throw XDPError(
        errno == .notPermitted ? .notPermitted : .system, operation: operation,
        reason: "the kernel refuses (\(errno))", remedy: "run as root, or poll with interrupts",
        errno: errno)
    }
    self.napi = napi
    self.before = before
    self.record = record
  }

  deinit {
    _ = before.apply(to: napi)
    record.remove()
  }

  /// Puts back what a process that was killed left deferred on a queue.
  ///
  /// Nothing if there is no record, its writer lives, or the driver has begun anew since.
  public static func restore(
    _ interface: Interface, queue: Int, folder: String = SettingsRecord.standardFolder
  ) {
    guard let record = try? SettingsRecord(of: interface, purpose: purpose(queue), folder: folder),
      let line = record.left?.first, let (napi, before) = read(line)
    else { return }
    _ = before.apply(to: napi)
    record.remove()
  }

  private static func purpose(_ queue: Int) -> String { "napi\(queue)" }

  private static func line(_ napi: UInt32, _ settings: NAPISettings) -> String {
    "napi \(napi) deferrals \(settings.deferrals) timeout \(settings.timeout)"
  }

  private static func read(_ line: String) -> (napi: UInt32, settings: NAPISettings)? {
    let words = line.split(separator: " ")
    guard words.count == 6, words[0] == "napi", words[2] == "deferrals", words[4] == "timeout",
      let napi = UInt32(words[1]), let deferrals = UInt32(words[3]), let timeout = UInt64(words[5])
    else { return nil }
    return (napi, NAPISettings(deferrals: deferrals, timeout: timeout))
  }
}
