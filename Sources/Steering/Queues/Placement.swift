/// Whether a page holds packets of one flow group only, and how that is brought about.
///
/// Each case says why in its `reason`, for a report.
public enum Placement: Sendable, Hashable, CustomStringConvertible {
  /// The group has queues of its own, hence pages of its own.
  case steered(Grade, reason: String)
  /// Nothing helps: one packet per page, so that a page changes hands whole.
  case isolated(reason: String)
  /// Pages hold packets of several groups.
  case shared(reason: String)

  /// What else may arrive on a queue of the group's own.
  public enum Grade: Sendable, Hashable, CustomStringConvertible {
    /// Nothing.
    case exact
    /// Whatever the NIC's hash puts into the same bucket: strangers too.
    case bucket

    /// "exact" or "bucket".
    public var description: String {
      switch self {
      case .exact: "exact"
      case .bucket: "bucket"
      }
    }
  }

  /// The least pure of several: that of a group whose flows have these placements.
  ///
  /// Nil if there are none.
  public static func weakest(of placements: [Placement]) -> Placement? {
    placements.max { $0.weakness < $1.weakness }
  }

  private var weakness: Int {
    switch self {
    case .steered(.exact, _): 0
    case .steered(.bucket, _): 1
    case .isolated: 2
    case .shared: 3
    }
  }

  /// Why it is so.
  public var reason: String {
    switch self {
    case .steered(_, let reason), .isolated(let reason), .shared(let reason): reason
    }
  }

  /// The grade if the group is steered.
  public var grade: Grade? {
    if case .steered(let grade, _) = self { grade } else { nil }
  }

  /// Such as "steered (bucket): " and the reason.
  public var description: String {
    switch self {
    case .steered(let grade, let reason): "steered (\(grade)): \(reason)"
    case .isolated(let reason): "isolated: \(reason)"
    case .shared(let reason): "shared: \(reason)"
    }
  }
}
