internal import Synchronization

extension FramePool {
  /// A stretch of the memory that other processes map as one.
  public struct Arena: Hashable, Sendable {
    /// The arena's number, from the start of the memory.
    public let index: Int
    /// Its addresses.
    public let addresses: Range<UInt64>
  }

  /// Marks the arenas of an exportable group as mapped by another process, and names them.
  ///
  /// From then on they stay with the group, even empty, until `withdraw`: a mapping cannot be
  /// revoked. Nil if the group is not exportable: its pages lie among other groups' pages.
  public func export(_ group: FlowGroup) -> [Arena]? {
    state.withLock { state in
      guard state.accounts.indices.contains(group.index), state.accounts[group.index].isExportable
      else { return nil }
      return state.arenas.indices.compactMap { index in
        guard state.arenas[index].group == group.index else { return nil }
        state.arenas[index].isExported = true
        return arena(index, state)
      }
    }
  }

  /// Notes that the last process that had the group's arenas mapped is gone.
  ///
  /// They serve others once they are empty and were zeroed, unless they are the group's for good.
  public func withdraw(_ group: FlowGroup) {
    state.withLock { state in
      for index in state.arenas.indices
      where state.arenas[index].group == group.index && state.arenas[index].isExported {
        state.arenas[index].isExported = false
        state.arenas[index].isStale = true
      }
    }
  }

  /// An arena that was exported, is not any more, is empty, and must be zeroed before it serves
  /// another group; nil if none is.
  ///
  /// Zero its bytes, then call `returnZeroed`. Nobody gets a frame of it meanwhile.
  public func nextArenaToZero() -> Arena? {
    state.withLock { state in
      state.arenas.indices
        .first {
          state.arenas[$0].isStale && state.arenas[$0].isEmpty && !state.arenas[$0].isHome
        }
        .map { arena($0, state) }
    }
  }

  /// The arena that a group has for good, closed so that it can be zeroed: nobody gets a frame of
  /// it until `returnZeroed`.
  ///
  /// Nil if the group has none, if frames of it are in use, or if another process may see it.
  public func closeArena(of group: FlowGroup) -> Arena? {
    state.withLock { state in
      guard state.accounts.indices.contains(group.index),
        let index = state.accounts[group.index].home, state.arenas[index].isEmpty,
        !state.arenas[index].isExported
      else { return nil }
      state.arenas[index].isClosed = true
      state.arenas[index].isStale = true
      return arena(index, state)
    }
  }

  /// Opens an arena to every group, or to the one that has it for good, its bytes having been
  /// zeroed; false if it is in use again.
  @discardableResult
  public func returnZeroed(_ arena: Arena) -> Bool {
    state.withLock { state in
      guard state.arenas.indices.contains(arena.index), state.arenas[arena.index].isStale,
        state.arenas[arena.index].isEmpty
      else { return false }
      state.arenas[arena.index].isStale = false
      state.arenas[arena.index].isClosed = false
      state.release(arena.index)
      return true
    }
  }

  private func arena(_ index: Int, _ state: borrowing State) -> Arena {
    let size = UInt64(configuration.nodeSize)
    let nodes = state.arenas[index].nodes
    return Arena(
      index: index, addresses: UInt64(nodes.lowerBound) * size..<UInt64(nodes.upperBound) * size)
  }
}
