import Martlet

/// The frame allocator: what it costs, and how much of the memory is packets.
struct AllocatorRow {
  let isQuick: Bool

  /// Slices of each contestant.
  var slices: Int { isQuick ? 200 : 2000 }
}
