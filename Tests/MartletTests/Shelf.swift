import Martlet

/// Up to 256 frames that a test keeps, first in, first out.
struct Shelf: ~Copyable {
  private static let capacity = 256
  private var places = InlineArray<256, Frame?> { _ in nil }
  private var first = 0
  private(set) var count = 0

  mutating func put(_ frame: consuming Frame) {
    precondition(count < Self.capacity, "the shelf is full")
    places[(first + count) % Self.capacity] = consume frame
    count += 1
  }

  mutating func take() -> Frame? {
    guard count != 0 else { return nil }
    defer {
      first = (first + 1) % Self.capacity
      count -= 1
    }
    return places[first].take()
  }
}
