public import Wire
public import XSK

/// What a rule asks of one field of a packet.
///
/// A negated condition is the plain opposite: it holds for every packet for which the condition
/// does not, also for those that do not have the field. So ARP meets "not from 10.0.0.0/8".
public struct Condition<Value: Hashable & Sendable>: Sendable, Hashable {
  /// What the field must be, or must not be.
  public var value: Value
  /// Whether the field must not be so.
  public var isNegated: Bool

  /// The field must be this.
  public static func `is`(_ value: Value) -> Condition { Condition(value) }

  /// The field must not be this, or not be there.
  public static func not(_ value: Value) -> Condition { Condition(value, isNegated: true) }

  /// A condition, or its opposite.
  public init(_ value: Value, isNegated: Bool = false) {
    self.value = value
    self.isNegated = isNegated
  }
}

/// An interface that a rule names: looked up when the rule comes into force, or known already.
public struct InterfaceName: Sendable, Hashable, ExpressibleByStringLiteral {
  /// Such as "eth0".
  public let name: String
  /// The kernel's number, if the interface has been looked up.
  let index: UInt32?

  /// The interface that has this name when the rule comes into force.
  public init(_ name: String) { (self.name, index) = (name, nil) }

  /// This interface, whatever its name is by then.
  public init(_ interface: Interface) { (name, index) = (interface.name, interface.index) }

  /// The interface that has this name when the rule comes into force.
  public init(stringLiteral name: String) { self.init(name) }
}

/// The VLAN tag that a rule asks for.
public enum VLANTag: Sendable, Hashable {
  /// Any, whatever its identifier.
  case any
  /// With this identifier, 0 to 4,095.
  case identifier(UInt16)
}

/// The TCP flags that a rule asks for; those in neither set may be as they like.
public struct TCPFlagMatch: Sendable, Hashable {
  /// Those that must be set.
  public var set: TCPFlags
  /// Those that must not be set.
  public var clear: TCPFlags

  /// Flags that must be set and flags that must not.
  public init(set: TCPFlags, clear: TCPFlags = []) {
    self.set = set
    self.clear = clear
  }
}

/// A fragment or a whole packet.
public struct Fragments: Sendable, Hashable {
  /// A fragment, the first or a later one.
  public static var any: Fragments { Fragments() }
}
