internal import Synchronization
internal import XSK

/// Who has the groups' arenas of one memory, and which user has seen each.
///
/// The engines of a `SharedMemory` have one book, as they have one set of arenas. It is asked when
/// a group is given away and when a port is bound, never for a packet.
final class ArenaBook: Sendable {
  private let entries = Mutex<[FlowGroup: Entry]>([:])

  private struct Entry {
    /// Whether a process has the arena by an export that goes on, or it is being zeroed.
    var isOut = false
    /// Whether that export, or the last one, would not bear a port in zero copy.
    var isOpenBucket = false
    /// Whether a process was ever given the arena.
    var isSeen = false
    /// Whose process that was; nil if the kernel did not say.
    var user: UInt32?
    /// Ports in zero copy that receive into the arena.
    var zeroCopyPorts = 0

    /// Whether a process of that user is shown nothing that is another user's.
    func admits(_ user: UInt32?) -> Bool { !isSeen || (user != nil && user == self.user) }
  }

  /// Why an arena is not given away.
  enum Refusal: Error {
    case isOut
    /// By that user; nil if the kernel did not say.
    case isSeen(by: UInt32?)
    case hasZeroCopyPorts
  }

  /// Takes a group's arena for a process of `user`: nobody else gets it before the claim goes.
  ///
  /// As an open bucket if packets that are not the group's may come where a NIC writes by itself.
  func take(
    _ group: FlowGroup, for user: UInt32?, asOpenBucket isOpenBucket: Bool
  ) throws(Refusal) -> ArenaClaim {
    try entries.withLock { entries throws(Refusal) in
      var entry = entries[group] ?? Entry()
      guard !entry.isOut else { throw Refusal.isOut }
      guard entry.admits(user) else { throw Refusal.isSeen(by: entry.user) }
      guard !isOpenBucket || entry.zeroCopyPorts == 0 else { throw Refusal.hasZeroCopyPorts }
      entry.isOut = true
      entry.isOpenBucket = isOpenBucket
      entries[group] = entry
    }
    return ArenaClaim(self, group)
  }

  /// Takes a group's arena to zero it; nil if a process has it.
  func takeToClear(_ group: FlowGroup) -> ArenaClaim? {
    let isTaken = entries.withLock { entries in
      var entry = entries[group] ?? Entry()
      guard !entry.isOut else { return false }
      entry.isOut = true
      entries[group] = entry
      return true
    }
    return isTaken ? ArenaClaim(self, group) : nil
  }

  /// Ends a claim.
  ///
  /// What bears no port in zero copy bears none afterwards: the process may have it mapped still.
  fileprivate func putBack(_ group: FlowGroup) {
    entries.withLock { $0[group]?.isOut = false }
  }

  /// Notes, for as long as the memory lives, whose process was given the arena.
  func noteSeen(_ group: FlowGroup, by user: UInt32?) {
    entries.withLock { entries in
      entries[group, default: Entry()].isSeen = true
      entries[group, default: Entry()].user = user
    }
  }

  /// Whether a port may be added to the group: to one that is exported as an open bucket none may,
  /// whatever its mode will be.
  func mayBeJoined(_ group: FlowGroup) -> Bool {
    entries.withLock { $0[group].map { $0.isOut && $0.isOpenBucket } != true }
  }

  /// Counts a port in zero copy for each of `groups`; false, and none is counted, if one of the
  /// groups is or was with a process that would not bear it.
  func join(_ groups: [FlowGroup]) -> Bool {
    entries.withLock { entries in
      guard groups.allSatisfy({ entries[$0]?.isOpenBucket != true }) else { return false }
      for group in groups { entries[group, default: Entry()].zeroCopyPorts += 1 }
      return true
    }
  }

  /// Takes back what `join` counted, for ports that came to nothing.
  ///
  /// A port that an engine takes with it when it goes stays counted: too much is refused then, and
  /// nothing is given that must not be.
  func leave(_ groups: [FlowGroup]) {
    entries.withLock { entries in
      for group in groups { entries[group]?.zeroCopyPorts -= 1 }
    }
  }
}

/// A group's arena, taken out of the book until this goes: with the export, or with its engine.
final class ArenaClaim: Sendable {
  private let book: ArenaBook
  private let group: FlowGroup

  fileprivate init(_ book: ArenaBook, _ group: FlowGroup) {
    self.book = book
    self.group = group
  }

  /// Notes whose process is given the arena.
  func noteSeen(by user: UInt32?) { book.noteSeen(group, by: user) }

  deinit { book.putBack(group) }
}
