/// Who has a frame.
///
/// A frame is in exactly one custody at any time.
///
/// Two custodies are with the kernel and name a holder, a small number that the caller gives to
/// each queue (0 ... 127), so that what one queue still has can be told apart and called home.
@frozen public struct Custody: Hashable, Sendable {
  /// Three bits of state above seven of holder; 0 is no custody.
  @usableFromInline let rawValue: UInt16

  @inlinable @inline(__always)
  init(rawValue: UInt16) { self.rawValue = rawValue }

  /// With the allocator.
  @inlinable public static var free: Custody {
    @inline(__always) get { Custody(rawValue: 1 << 7) }
  }

  /// With the application, as it came off a receive ring.
  @inlinable public static var received: Custody {
    @inline(__always) get { Custody(rawValue: 6 << 7) }
  }

  /// With the application, allocated or settled by it.
  @inlinable public static var held: Custody {
    @inline(__always) get { Custody(rawValue: 7 << 7) }
  }

  /// With the kernel, to receive into: on `holder`'s fill ring, in its driver or on its receive
  /// ring.
  @inlinable @inline(__always)
  public static func fill(_ holder: Int) -> Custody {
    Custody(rawValue: 2 << 7 | UInt16(truncatingIfNeeded: holder) & 0x7F)
  }

  /// With the kernel, to send: on `holder`'s transmit ring, in its driver or on its completion
  /// ring.
  @inlinable @inline(__always)
  public static func transmit(_ holder: Int) -> Custody {
    Custody(rawValue: 3 << 7 | UInt16(truncatingIfNeeded: holder) & 0x7F)
  }

  /// On the way back to the worker whose memory it is.
  @inlinable static var returning: Custody {
    @inline(__always) get { Custody(rawValue: 4 << 7) }
  }

  /// How many holders can be told apart.
  public static let holderLimit = 128

  /// Received and held are the two highest states: one comparison says "with the application".
  @inlinable var isWithApplication: Bool {
    @inline(__always) get { rawValue >= Custody.received.rawValue }
  }

  /// The custody without a holder's number, to tell the kinds apart.
  var state: UInt16 { rawValue >> 7 }
}

extension Custody: CustomStringConvertible {
  /// The custody's name, with the holder's number where there is one.
  public var description: String {
    let holder = rawValue & 0x7F
    return switch state {
    case 1: "free"
    case 2: "fill(\(holder))"
    case 3: "transmit(\(holder))"
    case 4: "returning"
    case 6: "received"
    case 7: "held"
    default: "unknown(\(rawValue))"
    }
  }
}
