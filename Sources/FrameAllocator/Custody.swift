/// Who has a frame.
///
/// A frame is in exactly one custody at any time.
///
/// Two custodies are with the kernel and name a holder, a small number that the caller gives to
/// each queue, so that what one queue still has can be told apart and called home. All fit one
/// byte.
@frozen public struct Custody: Hashable, Sendable {
  /// 0 is no custody.
  @usableFromInline let rawValue: UInt8

  @inlinable @inline(__always)
  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// With the allocator.
  @inlinable public static var free: Custody {
    @inline(__always) get { Custody(rawValue: 1) }
  }

  /// On the way back to the worker whose memory it is.
  @inlinable static var returning: Custody {
    @inline(__always) get { Custody(rawValue: 2) }
  }

  /// With the kernel, to receive into: on `holder`'s fill ring, in its driver or on its receive
  /// ring.
  @inlinable @inline(__always)
  public static func fill(_ holder: Int) -> Custody {
    Custody(rawValue: fillBase &+ UInt8(truncatingIfNeeded: holder))
  }

  /// With the kernel, to send: on `holder`'s transmit ring, in its driver or on its completion
  /// ring.
  @inlinable @inline(__always)
  public static func transmit(_ holder: Int) -> Custody {
    Custody(rawValue: transmitBase &+ UInt8(truncatingIfNeeded: holder))
  }

  /// With the application, as it came off a receive ring.
  @inlinable public static var received: Custody {
    @inline(__always) get { Custody(rawValue: 254) }
  }

  /// With the application, allocated or settled by it.
  @inlinable public static var held: Custody {
    @inline(__always) get { Custody(rawValue: 255) }
  }

  @inlinable static var fillBase: UInt8 { @inline(__always) get { 4 } }
  @inlinable static var transmitBase: UInt8 { @inline(__always) get { 124 } }

  /// How many holders can be told apart, numbered from 0.
  public static let holderLimit = 120

  /// Received and held are the two highest: one comparison says "with the application".
  @inlinable var isWithApplication: Bool {
    @inline(__always) get { rawValue >= Custody.received.rawValue }
  }

  /// Whether the kernel has it to receive into.
  var isFill: Bool {
    (Self.fillBase..<Self.fillBase + UInt8(Self.holderLimit)).contains(rawValue)
  }

  /// Whether the kernel has it to send.
  var isTransmit: Bool {
    (Self.transmitBase..<Self.transmitBase + UInt8(Self.holderLimit)).contains(rawValue)
  }

  /// The queue whose it is, where it is with the kernel.
  var holder: Int? {
    if isFill { return Int(rawValue - Self.fillBase) }
    return isTransmit ? Int(rawValue - Self.transmitBase) : nil
  }

  /// Whether it is any of the custodies above.
  var isKnown: Bool { holder != nil || [.free, .returning, .received, .held].contains(self) }
}

extension Custody: CustomStringConvertible {
  /// The custody's name, with the holder's number where there is one.
  public var description: String {
    if let holder { return isFill ? "fill(\(holder))" : "transmit(\(holder))" }
    return switch self {
    case .free: "free"
    case .returning: "returning"
    case .received: "received"
    case .held: "held"
    default: "unknown(\(rawValue))"
    }
  }
}
