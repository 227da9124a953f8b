import Synchronization

/// How a frame came home in 2006: whoever lets go of it puts it on the owner's list, under the
/// owner's lock, and the owner takes each off under the same lock before it releases the frame: two
/// locks per frame, one on either side.
///
/// Faster here than it was: links lie outside of the packets' memory, the lock only spins, and the
/// owner looks at the list whenever it likes, not only when it releases something itself.
final class LockAndList: Sendable {
  private let isLocked = Atomic<Bool>(false)
  private let head = Cells<UInt64>(repeating: 0, count: 1)
  /// By first granule: the next frame of the list, as `frame + 1`; 0 ends it.
  private let links: Cells<UInt64>

  init(granules: Int) { links = Cells(repeating: 0, count: granules) }

  @inline(__always)
  private func withLock<Result>(_ body: () -> Result) -> Result {
    while isLocked.exchange(true, ordering: .acquiring) {
      while isLocked.load(ordering: .relaxed) { relax() }
    }
    defer { isLocked.store(false, ordering: .releasing) }
    return body()
  }

  /// Puts one frame on the list.
  @inline(__always)
  func put(_ frame: UInt64) {
    withLock {
      links[Int(frame >> 20)] = head[0]
      head[0] = frame + 1
    }
  }

  /// Takes one frame after the other off the list, until there is none, and gives it to `body`.
  @inline(__always)
  func drain(_ body: (UInt64) -> Void) {
    while true {
      let frame = withLock {
        let first = head[0]
        if first != 0 { head[0] = links[Int((first - 1) >> 20)] }
        return first
      }
      if frame == 0 { return }
      body(frame - 1)
    }
  }
}

/// The owner of 2006: its own allocator and the list that comes home to it.
struct Owner2006: Home {
  var tree: Tree2006
  let list: LockAndList

  @inline(__always)
  mutating func give(_ byteCount: Int) -> UInt64? { tree.give(byteCount) }

  @inline(__always)
  mutating func collect() { list.drain { tree.takeBack($0) } }
}

/// The other side of 2006.
struct Peer2006: Returner {
  let list: LockAndList

  @inline(__always)
  mutating func sendHome(_ frame: UInt64) { list.put(frame) }

  @inline(__always)
  mutating func flush() {}
}
