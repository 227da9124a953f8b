import Martlet

/// Up to sixty-four frames that a test keeps, first in, first out.
struct Shelf: ~Copyable {
  private var places = InlineArray<64, Frame?> { _ in nil }
  private var first = 0
  private(set) var count = 0

  mutating func put(_ frame: consuming Frame) {
    precondition(count < 64, "the shelf is full")
    places[(first + count) % 64] = consume frame
    count += 1
  }

  mutating func take() -> Frame? {
    guard count != 0 else { return nil }
    defer {
      first = (first + 1) % 64
      count -= 1
    }
    return places[first].take()
  }
}
