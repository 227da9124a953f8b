import Martlet

/// Frames that a test keeps, first in, first out: as many as fit.
struct FrameStore: ~Copyable {
  private final class Place {
    var frame: Frame?
  }

  private let places: [Place]
  private var first = 0
  private(set) var count = 0

  init(capacity: Int) { places = (0..<capacity).map { _ in Place() } }

  var isFull: Bool { count == places.count }

  mutating func put(_ frame: consuming Frame) {
    precondition(!isFull, "the store is full")
    places[(first + count) % places.count].frame = consume frame
    count += 1
  }

  /// The frame that was put in first.
  mutating func take() -> Frame? {
    guard count > 0 else { return nil }
    defer {
      first = (first + 1) % places.count
      count -= 1
    }
    return places[first].frame.take()
  }
}
