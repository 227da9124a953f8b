internal import Glibc
internal import SystemPackage

/// Texts of any length over a socket of messages, without ever blocking.
///
/// A message is a byte, 0 for the last of a text and else 1, then a part of the text.
public struct TextChannel: ~Copyable {
  /// The socket it goes over.
  public let socket: PeerSocket
  private var inbox: [UInt8] = []
  private var outbox: [[UInt8]] = []
  /// Messages of the outbox that were sent.
  private var sent = 0

  /// More than 4,096 rules take.
  private static let limit = 4 << 20
  private static let part = 16_384
  /// Messages that are taken at a time: whoever sends without end does not keep the receiver.
  private static let burst = 64

  /// What came.
  public enum Arrival: Sendable, Hashable {
    /// Not all of a text yet.
    case nothing
    /// A text.
    case text(String)
    /// The other end is gone, or sends what is no text.
    case end
  }

  /// A channel over a connected socket.
  public init(_ socket: consuming PeerSocket) { self.socket = socket }

  /// Whether a part of a text waits until the other end has read what was sent before.
  public var isSending: Bool { sent < outbox.count }

  /// Takes what has come, or some of it: the socket is readable while there is more.
  public mutating func receive() -> Arrival {
    var message = [UInt8](repeating: 0, count: Self.part + 1)
    for _ in 0..<Self.burst {
      // The kernel writes at most as much as the array holds, and drops descriptors.
      let length = unsafe recv(socket.fileDescriptor, &message, message.count, Int32(MSG_DONTWAIT))
      // Who hangs up on a text that was not read says so once, before what was sent until then.
      if length < 0, errno == EINTR || errno == ECONNRESET { continue }
      if length < 0, errno == EAGAIN { return .nothing }
      // Parts with nothing in them would never come to the limit.
      guard length > 1 || length == 1 && message[0] == 0, inbox.count + length <= Self.limit
      else { return .end }
      inbox += message[1..<length]
      guard message[0] == 0 else { continue }
      let text = String(validating: inbox, as: UTF8.self)
      inbox = []
      return text.map { .text($0) } ?? .end
    }
    return .nothing
  }

  /// Sends a text, or as much of it as there is room for; `flush` sends the rest.
  public mutating func send(_ text: String) {
    let bytes = Array(text.utf8)
    var start = 0
    repeat {
      let end = min(start + Self.part, bytes.count)
      outbox.append([end == bytes.count ? 0 : 1] + bytes[start..<end])
      start = end
    } while start < bytes.count
    flush()
  }

  /// Sends what there is room for.
  public mutating func flush() {
    while isSending {
      let message = outbox[sent]
      // As many bytes as the array has.
      let length = unsafe Glibc.send(
        socket.fileDescriptor, message, message.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
      if length < 0, errno == EINTR { continue }
      if length < 0, errno == EAGAIN || errno == ENOBUFS { return }
      // What cannot be sent at all has nobody to go to.
      sent = length < 0 ? outbox.count : sent + 1
    }
    (outbox, sent) = ([], 0)
  }

  /// Sends a text and waits for the answer, for at most `timeout`; nil if none comes.
  public mutating func ask(_ text: String, timeout: Duration) -> String? {
    let end = ContinuousClock.now + timeout
    var poller = Poller(capacity: 1)
    poller.add(socket.fileDescriptor)
    send(text)
    while true {
      switch receive() {
      case .text(let answer): return answer
      case .end: return nil
      case .nothing: break
      }
      let left = ContinuousClock.now.duration(to: end)
      guard left > .zero else { return nil }
      _ = poller.wait(timeout: isSending ? min(left, .milliseconds(1)) : left)
      flush()
    }
  }
}
