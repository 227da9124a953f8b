/// Which way between driver and packet memory a port may take.
public enum ModeRequest: String, Sendable, Hashable, CaseIterable {
  /// The best that all ports of the set can have: zero-copy, else native copy, else generic.
  case auto
  /// The NIC reads and writes packet memory itself, or the bind fails.
  case zeroCopy = "zero-copy"
  /// The driver runs the program and the kernel copies, or the bind fails.
  case copy
  /// The kernel runs the program late and copies; works on every interface.
  case generic

  /// The rungs of the ladder that may be tried, best first.
  var rungs: [BindMode] {
    switch self {
    case .auto: [.zeroCopy, .copy, .generic]
    case .zeroCopy: [.zeroCopy]
    case .copy: [.copy]
    case .generic: [.generic]
    }
  }
}
