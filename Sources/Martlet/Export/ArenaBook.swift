internal import Synchronization
internal import XSK

/// Who has the groups' arenas of one memory, which user has seen each, and where strangers' packets
/// may come into them.
///
/// The engines of a `SharedMemory` have one book, as they have one set of arenas. It is asked when
/// a group is given away, a port is bound or a flow gets a queue, never for a packet.
///
/// A stranger is a packet that is not the group's. In zero copy the NIC writes whatever comes to a
/// queue before anything could drop it. So each port in zero copy is a *door*: shut while it has no
/// frame, or as long as nothing but the group's flows was ever sent to its queue; else open.
final class ArenaBook: Sendable {
  private let contents = Mutex(Contents())

  private struct Contents {
    var entries: [FlowGroup: Entry] = [:]
    /// By the ports' numbers.
    var doors: [Int: Door] = [:]

    /// Whether strangers may come, or have come, into the group's arena.
    func isOpen(_ group: FlowGroup) -> Bool {
      doors.values.contains { $0.isOpen && $0.group == group }
    }

    /// Whether a process was given the group's arena because no stranger comes there.
    func barsStrangers(_ group: FlowGroup) -> Bool { entries[group]?.barsStrangers == true }
  }

  private struct Entry {
    /// Whether a process has the arena by an export that goes on, or it is being zeroed.
    var isOut = false
    /// Whether that export, or the last one, bears no strangers: the process may have the arena
    /// mapped still.
    var barsStrangers = false
    /// The same before that export, until its process is given the arena.
    var barredBefore: Bool?
    /// Whether a process was ever given the arena.
    var isSeen = false
    /// Whose process that was; nil if the kernel did not say.
    var user: UInt32?

    /// Whether a process of that user is shown nothing that is another user's.
    func admits(_ user: UInt32?) -> Bool { !isSeen || (user != nil && user == self.user) }
  }

  /// A port in zero copy.
  struct Door {
    let group: FlowGroup
    var isOpen: Bool
  }

  /// Why an arena is not given away.
  enum Refusal: Error {
    case isOut
    /// By that user; nil if the kernel did not say.
    case isSeen(by: UInt32?)
    case admitsStrangers
  }

  /// Takes a group's arena for a process of `user`: nobody else gets it before the claim goes.
  ///
  /// With `barsStrangers` only if all its doors are shut, which they remain then.
  func take(
    _ group: FlowGroup, for user: UInt32?, barsStrangers: Bool
  ) throws(Refusal) -> ArenaClaim {
    try contents.withLock { contents throws(Refusal) in
      var entry = contents.entries[group] ?? Entry()
      guard !entry.isOut else { throw Refusal.isOut }
      guard entry.admits(user) else { throw Refusal.isSeen(by: entry.user) }
      guard !barsStrangers || !contents.isOpen(group) else { throw Refusal.admitsStrangers }
      entry.isOut = true
      entry.barredBefore = entry.barsStrangers
      entry.barsStrangers = barsStrangers || entry.barsStrangers
      contents.entries[group] = entry
    }
    return ArenaClaim(self, group, barsStrangers: barsStrangers)
  }

  /// Takes a group's arena to zero it; nil if a process has it.
  func takeToClear(_ group: FlowGroup) -> ArenaClaim? {
    let isTaken = contents.withLock { contents in
      guard contents.entries[group]?.isOut != true else { return false }
      contents.entries[group, default: Entry()].isOut = true
      return true
    }
    return isTaken ? ArenaClaim(self, group, barsStrangers: false) : nil
  }

  /// Ends a claim.
  ///
  /// What bars strangers bars them afterwards, unless nobody was given anything.
  fileprivate func putBack(_ group: FlowGroup) {
    contents.withLock { contents in
      contents.entries[group]?.isOut = false
      guard let before = contents.entries[group]?.barredBefore else { return }
      contents.entries[group]?.barsStrangers = before
      contents.entries[group]?.barredBefore = nil
    }
  }

  /// Notes, for as long as the memory lives, whose process was given the arena.
  func noteSeen(_ group: FlowGroup, by user: UInt32?, barsStrangers: Bool) {
    contents.withLock { contents in
      var entry = contents.entries[group] ?? Entry()
      (entry.isSeen, entry.user) = (true, user)
      (entry.barsStrangers, entry.barredBefore) = (barsStrangers, nil)
      contents.entries[group] = entry
    }
  }
}

extension ArenaBook {
  /// Notes ports in zero copy by their numbers; or none, and answers with the groups that bar
  /// strangers and would get an open door.
  func addDoors(_ doors: [Int: Door]) -> [FlowGroup] {
    contents.withLock { contents in
      let barred = doors.values.filter { $0.isOpen && contents.barsStrangers($0.group) }
      guard barred.isEmpty else { return barred.map(\.group) }
      contents.doors.merge(doors) { $1 }
      return []
    }
  }

  /// Forgets ports that came to nothing.
  ///
  /// One that an engine takes with it when it goes stays noted: too much is refused then, and
  /// nothing is given that must not be.
  func removeDoors(_ doors: [Int: Door]) {
    contents.withLock { contents in
      for number in doors.keys { contents.doors[number] = nil }
    }
  }

  /// Notes that no stranger has come by a port, and that none can.
  func shutDoor(_ port: Int) {
    contents.withLock { $0.doors[port]?.isOpen = false }
  }

  /// How a port was before strangers were let in.
  enum Passage {
    /// It copies: strangers are dropped before they are anywhere.
    case copies
    case wasOpen
    case wasShut
    /// It stays shut: a process was given the arena behind it because of that.
    case barred
  }

  /// Notes that strangers may come by a port from now on, unless its group bars them.
  func openDoor(_ port: Int) -> Passage {
    contents.withLock { contents in
      guard let door = contents.doors[port] else { return .copies }
      guard !door.isOpen else { return .wasOpen }
      guard !contents.barsStrangers(door.group) else { return .barred }
      contents.doors[port]?.isOpen = true
      return .wasShut
    }
  }
}

/// A group's arena, taken out of the book until this goes: with the export, or with its engine.
final class ArenaClaim: Sendable {
  private let book: ArenaBook
  private let group: FlowGroup
  private let barsStrangers: Bool

  fileprivate init(_ book: ArenaBook, _ group: FlowGroup, barsStrangers: Bool) {
    self.book = book
    self.group = group
    self.barsStrangers = barsStrangers
  }

  /// Notes whose process is given the arena.
  func noteSeen(by user: UInt32?) {
    book.noteSeen(group, by: user, barsStrangers: barsStrangers)
  }

  deinit { book.putBack(group) }
}
