public import XSK

/// A place among the program's sockets, for packets of one queue of one interface.
public struct SocketSlot: Sendable, Hashable {
  /// Where the packets arrive.
  public let interface: Interface
  /// On which queue.
  public let queue: Int
  /// The place.
  let number: Int
}

/// Sockets under one name, to which rules steer.
struct SocketGroup {
  /// What the program calls it.
  let number: UInt32
  var members: [SocketSlot]
}

/// The members of one or more groups, as the program looks them up: a row of `ways` sockets for
/// each queue, of the queues from `first` on.
struct MemberTable {
  let first: Int
  let places: Int
  let ways: Int
  let sockets: [UInt32]

  /// `place`: the number of a member's queue among the sockets; nil if its interface is not
  /// attached.
  init(_ members: [SocketSlot], place: (SocketSlot) -> Int?) {
    var rows: [Int: [UInt32]] = [:]
    for member in members {
      guard let row = place(member) else { continue }
      rows[row, default: []].append(UInt32(member.number))
    }
    let lowest = rows.keys.min() ?? 0
    first = lowest
    places = (rows.keys.max() ?? -1) - lowest + 1
    ways = rows.values.map(\.count).max() ?? 1
    let width = ways
    sockets = (0..<places).flatMap { at in
      let row = rows[lowest + at] ?? []
      return (0..<width).map { row.isEmpty ? UInt32.max : row[$0 % row.count] }
    }
  }
}
