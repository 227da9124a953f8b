/// A set of flows whose frames are counted, limited and placed together.
///
/// A page never holds frames of two groups.
@frozen public struct FlowGroup: Hashable, Sendable {
  /// The group's place in `FrameAllocator.Configuration.groups`.
  public let index: Int

  /// The group at `index` of the configuration.
  @inlinable public init(index: Int) { self.index = index }

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
  /// How much memory a group may and will have, and how its frames are placed.
  public struct Configuration: Sendable, Hashable {
    /// Most bytes the group can have at a time, in whole nodes; nil is no limit of its own.
    public var quota: Int?
    /// Bytes that only this group can take, kept for it from the start, in whole nodes.
    public var guarantee: Int
    /// Whether each of its frames has pages of its own, which change hands whole.
    public var isIsolated: Bool
    /// Whether its memory can be mapped by another process, which is given whole arenas: the one
    /// of its own (`arena`), or of those that such groups take whole from what all share
    /// (`FrameAllocator.Configuration.arenaSize`).
    ///
    /// An engine has none to take: there a group is exportable that has an `arena`.
    public var isExportable: Bool
    /// Bytes of an arena at the end of the memory that is the group's for good: it has its frames
    /// there and nowhere else, and nobody else has any there.
    ///
    /// Nil is none: its frames lie among those of other groups.
    public var arena: Int?
    /// Whether a process that maps the arena may write to it: a tenant that sends from there.
    ///
    /// No port receives into such an arena.
    public var isWritable = false

    /// A group with a quota and a guaranteed minimum, both in bytes.
    public init(
      quota: Int? = nil, guarantee: Int = 0, isIsolated: Bool = false, isExportable: Bool = false,
      arena: Int? = nil
    ) {
      self.quota = quota
      self.guarantee = guarantee
      self.isIsolated = isIsolated
      self.isExportable = isExportable || arena != nil
      self.arena = arena
    }
  }
}
