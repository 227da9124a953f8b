/// Who has a frame.
///
/// A frame is in exactly one custody at any time.
///
/// Two custodies are with the kernel and name a holder, a small number that the caller gives to
/// each queue (0 ... 4,095), so that what one queue still has can be told apart and called home.
@frozen public struct Custody: Hashable, Sendable {
  @usableFromInline let rawValue: UInt16

  @inlinable @inline(__always)
  init(rawValue: UInt16) { self.rawValue = rawValue }

  /// With the allocator.
  public static let free = Custody(rawValue: 0)

  /// With the application, as it came off a receive ring.
  @inlinable public static var received: Custody {
    @inline(__always) get { Custody(rawValue: 0xFFFE) }
  }

  /// With the application, allocated or settled by it.
  @inlinable public static var held: Custody {
    @inline(__always) get { Custody(rawValue: 0xFFFF) }
  }

  /// With the kernel, to receive into: on `holder`'s fill ring, in its driver or on its receive
  /// ring.
  @inlinable @inline(__always)
  public static func fill(_ holder: Int) -> Custody {
    Custody(rawValue: 4 | UInt16(truncatingIfNeeded: holder) << 4)
  }

  /// With the kernel, to send: on `holder`'s transmit ring, in its driver or on its completion
  /// ring.
  @inlinable @inline(__always)
  public static func transmit(_ holder: Int) -> Custody {
    Custody(rawValue: 5 | UInt16(truncatingIfNeeded: holder) << 4)
  }

  /// How many holders can be told apart.
  public static let holderLimit = 4096

  /// Received and held are the two highest numbers: one comparison says "with the application".
  @inlinable var isWithApplication: Bool {
    @inline(__always) get { rawValue >= Custody.received.rawValue }
  }
}

extension Custody: CustomStringConvertible {
  /// The custody's name, with the holder's number where there is one.
  public var description: String {
    switch rawValue & 0xF {
    case 0: "free"
    case 0xE: "received"
    case 0xF: "held"
    case 4: "fill(\(rawValue >> 4))"
    case 5: "transmit(\(rawValue >> 4))"
    default: "unknown(\(rawValue))"
    }
  }
}
