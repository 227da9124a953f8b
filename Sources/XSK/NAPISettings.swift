import CXDP
import SystemPackage

/// How the kernel runs a part of a driver that receives (a NAPI): when packets come by interrupt.
///
/// Linux 6.13 sets it for each (`napi-set` of the netdev netlink family), kernels before it for
/// whole devices only.
package struct NAPISettings: Equatable {
  /// How often in a row the driver may find nothing before its interrupt is permitted again
  /// (`napi_defer_hard_irqs`).
  package var deferrals: UInt32
  /// Nanoseconds after which the kernel looks for packets that nobody fetched
  /// (`gro_flush_timeout`).
  package var timeout: UInt64

  /// What busy polling needs: no interrupt while somebody polls, and a look within 0.2 ms when
  /// nobody does any more.
  package static let polled = NAPISettings(deferrals: 2, timeout: 200_000)

  /// The settings of a NAPI; nil if the kernel does not tell, or the NAPI is gone.
  package init?(of napi: UInt32) {
    var deferrals: UInt32?
    var timeout: UInt64?
    guard let family = NetdevFamily.number() else { return nil }
    let failure = NetdevFamily.ask(
      family, command: NetdevFamily.getNAPI,
      NetdevFamily.attribute(NetdevFamily.napiNumber, [UInt8](native: napi))
    ) { type, value in
      switch (type, value.count) {
      case (NetdevFamily.napiDeferrals, 4): deferrals = value.native(UInt32.self, at: 0)
      // A number as short as it can be.
      case (NetdevFamily.napiTimeout, 4): timeout = UInt64(value.native(UInt32.self, at: 0))
      case (NetdevFamily.napiTimeout, 8): timeout = value.native(UInt64.self, at: 0)
      default: break
      }
    }
    guard failure == nil, let deferrals, let timeout else { return nil }
    self.init(deferrals: deferrals, timeout: timeout)
  }

  package init(deferrals: UInt32, timeout: UInt64) {
    self.deferrals = deferrals
    self.timeout = timeout
  }

  /// Sets them; nil is success.
  func apply(to napi: UInt32) -> Errno? {
    guard let family = NetdevFamily.number() else { return .notSupported }
    return NetdevFamily.ask(
      family, command: NetdevFamily.setNAPI, flags: NLM_F_ACK,
      NetdevFamily.attribute(NetdevFamily.napiNumber, [UInt8](native: napi))
        + NetdevFamily.attribute(NetdevFamily.napiDeferrals, [UInt8](native: deferrals))
        + NetdevFamily.attribute(NetdevFamily.napiTimeout, [UInt8](native: timeout))
    ) { _, _ in }
  }
}
