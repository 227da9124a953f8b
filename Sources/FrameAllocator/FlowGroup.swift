/// A set of flows whose frames are counted, limited and (with a queue of their own) placed
/// together.
@frozen public struct FlowGroup: Hashable, Sendable {
  /// The group's place in `FrameAllocator.Configuration.groups`.
  public let index: Int

  /// The group at `index` of the configuration.
  public init(index: Int) { self.index = index }

  /// The group of everything that nobody asked for by name; it always exists.
  @inlinable public static var shared: FlowGroup { FlowGroup(index: 0) }
}

/// What an allocation may take.
@frozen public enum Permission: Sendable {
  /// Anything but the reserve.
  case normal
  /// The reserve too: for work that must go on when memory is short.
  case critical
}

extension FlowGroup {
  /// How much memory a group may and will have.
  public struct Configuration: Sendable, Hashable {
    /// Most bytes the group can have at a time; nil is no limit of its own.
    public var quota: Int?
    /// Bytes that only this group can take, kept for it from the start.
    public var guarantee: Int

    /// A group with a quota and a guaranteed minimum, both in bytes.
    public init(quota: Int? = nil, guarantee: Int = 0) {
      self.quota = quota
      self.guarantee = guarantee
    }
  }
}
