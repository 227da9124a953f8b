/// Why a step of a test's set-up failed, in one line; it is meant to fail the test.
public struct TestKitError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was tried, such as "ip link set left up", and what came back.
  public let description: String

  /// An error that says `description`.
  public init(_ description: String) {
    self.description = description
  }
}
