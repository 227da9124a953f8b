/// What becomes of a packet that a forwarder's closure has seen.
@frozen public enum Verdict: Sendable, Hashable {
  /// On to the other port (or back out, if the forwarder has one port only).
  case forward
  /// Its frame goes back to the kernel for the next packet; counted as dropped by verdict.
  case drop
}
