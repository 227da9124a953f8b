/// What a kick of the transmit ring came to.
public enum Kick: Sendable, Hashable {
  /// The kernel took what it wanted to take.
  case done
  /// Not everything was sent: kick again (`EAGAIN`, `EBUSY`, `ENOBUFS`).
  case again
  /// The interface is down (`ENETDOWN`); what was submitted stays in the ring.
  case down
  /// The interface is gone, or the socket closed (`ENXIO`, `EBADF`): nothing will ever be sent.
  case gone
}
