extension FrameAllocator {
  /// Where the arenas lie that groups have for good.
  public var arenas: [(group: FlowGroup, addresses: Range<UInt64>)] { pool.configuration.arenas }

  /// Notes that another process may see the group's arenas.
  public func export(_ group: FlowGroup) { _ = pool.export(group) }

  /// Notes that no process has the group's arenas any more.
  public func withdraw(_ group: FlowGroup) { pool.withdraw(group) }

  /// Closes the group's arena to be zeroed; as `FramePool.closeArena(of:)`.
  public func closeArena(of group: FlowGroup) -> FramePool.Arena? { pool.closeArena(of: group) }

  /// Opens an arena again that was zeroed; as `FramePool.returnZeroed(_:)`.
  public func returnZeroed(_ arena: FramePool.Arena) -> Bool { pool.returnZeroed(arena) }
}
