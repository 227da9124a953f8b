public import XSK

/// The four rings of one socket in plain memory, with both ends in user space: the application's
/// ends, and the kernel's ends, which a test plays itself or through `SimulatedKernel`.
///
/// The rings live as long as this object; keep it for as long as the application's ends are used.
public final class MemoryRings {
  /// The kernel's end of the fill ring: where to put packets.
  public var fill: ConsumerRing<UInt64>
  /// The kernel's end of the receive ring.
  public var receive: ProducerRing<Descriptor>
  /// The kernel's end of the transmit ring: what to send.
  public var transmit: ConsumerRing<Descriptor>
  /// The kernel's end of the completion ring.
  public var completion: ProducerRing<UInt64>

  /// The words of the fill ring, with its need-wakeup flag.
  public let fillWords: RingWords<UInt64>
  /// The words of the receive ring.
  public let receiveWords: RingWords<Descriptor>
  /// The words of the transmit ring, with its need-wakeup flag.
  public let transmitWords: RingWords<Descriptor>
  /// The words of the completion ring.
  public let completionWords: RingWords<UInt64>

  private var isTaken = false

  /// How many entries each ring has: powers of two.
  public struct Sizes: Sendable {
    /// Entries of the fill ring.
    public var fill: UInt32
    /// Entries of the receive ring.
    public var receive: UInt32
    /// Entries of the transmit ring.
    public var transmit: UInt32
    /// Entries of the completion ring.
    public var completion: UInt32

    /// The same number for all four.
    public init(all size: UInt32) {
      (fill, receive, transmit, completion) = (size, size, size, size)
    }
  }

  /// Four empty rings.
  ///
  /// Their cursors start at `position`: near `UInt32.max` they soon wrap.
  public init(_ sizes: Sizes = Sizes(all: 64), position: UInt32 = 0) {
    fillWords = RingWords(size: sizes.fill, position: position)
    receiveWords = RingWords(size: sizes.receive, position: position)
    transmitWords = RingWords(size: sizes.transmit, position: position)
    completionWords = RingWords(size: sizes.completion, position: position)
    fill = fillWords.makeConsumer()
    receive = receiveWords.makeProducer()
    transmit = transmitWords.makeConsumer()
    completion = completionWords.makeProducer()
  }

  /// The application's ends.
  ///
  /// A ring has one of each, so the second call traps.
  public func takeApplicationEnds() -> QueueRings {
    precondition(!isTaken, "the application's ends are taken already")
    isTaken = true
    return QueueRings(
      fill: fillWords.makeProducer(), receive: receiveWords.makeConsumer(),
      transmit: transmitWords.makeProducer(), completion: completionWords.makeConsumer())
  }
}
