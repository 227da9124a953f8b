import Martlet
import MartletTestKit

extension MemoryRings {
  /// Plays the kernel that receives: takes `count` chunks off the fill ring and hands packets of 64
  /// bytes up in them.
  func deliver(_ count: Int, isUnaligned: Bool = false) {
    let wanted = UInt32(count)
    precondition(
      fill.peek(wanted) == wanted && receive.reserve(wanted) == wanted, "the fill ring ran dry")
    let distance: UInt64 = isUnaligned ? 256 << 48 : 256
    for _ in 0..<count { receive.put(Descriptor(address: fill.take() + distance, byteCount: 64)) }
    fill.release()
    receive.submit()
  }

  /// Plays the kernel that sends: completes whatever stands on the transmit ring.
  func transmitAll() {
    let count = transmit.peek(.max)
    precondition(completion.reserve(count) == count, "the completion ring is full")
    for _ in 0..<count { completion.put(transmit.take().address) }
    transmit.release()
    completion.submit()
  }
}
