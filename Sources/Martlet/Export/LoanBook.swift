internal import XSK

/// The packets that a consumer has, each under a ticket.
///
/// A ticket is a place in the book and how often the place was used. What comes back is a ticket
/// and a verdict; where the packet lies, how long it is and where it came from stands here, where
/// the consumer cannot write.
struct LoanBook: ~Copyable {
  let loans: FixedTable<Loan>
  let free: FixedTable<UInt32>
  /// Places that are free.
  var freeCount: Int

  /// A book of `capacity` packets.
  init(capacity: Int) {
    let nothing = Frame.Remains(address: 0, extent: 0, layout: .packed, origin: 0)
    loans = FixedTable(repeating: Loan(remains: nothing, serial: 0), count: capacity)
    free = FixedTable(repeating: 0, count: capacity)
    for place in 0..<capacity { free[place] = UInt32(capacity - 1 - place) }
    freeCount = capacity
  }

  /// Packets that are out.
  var count: Int { loans.count - freeCount }

  /// Enters a packet and gives its ticket; the caller knows that a place is free.
  @inline(__always)
  mutating func lend(_ remains: Frame.Remains) -> UInt64 {
    freeCount &-= 1
    let place = Int(free[freeCount])
    let serial = loans[place].serial &+ 1
    loans[place] = Loan(remains: remains, serial: serial)
    return UInt64(truncatingIfNeeded: place) | UInt64(serial) &<< 32
  }

  /// Takes back the packet with this ticket; nil if it is not out, whatever the ticket says.
  @inline(__always)
  mutating func takeBack(_ ticket: UInt64) -> Frame.Remains? {
    let place = ticket & 0xFFFF_FFFF
    guard loans.contains(place) else { return nil }
    let index = Int(truncatingIfNeeded: place)
    let serial = loans[index].serial
    guard UInt64(serial) == ticket &>> 32, serial & 1 == 1 else { return nil }
    loans[index].serial = serial &+ 1
    free[freeCount] = UInt32(truncatingIfNeeded: place)
    freeCount &+= 1
    return loans[index].remains
  }

  /// Takes back every packet that is out.
  mutating func takeAll(_ body: (Frame.Remains) -> Void) {
    for index in 0..<loans.count where loans[index].serial & 1 == 1 {
      let ticket = UInt64(index) | UInt64(loans[index].serial) << 32
      if let remains = takeBack(ticket) { body(remains) }
    }
  }
}

/// One place of the book.
struct Loan: BitwiseCopyable {
  var remains: Frame.Remains
  /// Odd while the packet is out.
  var serial: UInt32
}
