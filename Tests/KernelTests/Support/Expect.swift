import Martlet
import MartletTestKit
import Testing

/// Records an issue unless the same packets came in the same order; says where they begin to
/// differ.
func expectSame(
  _ packets: [[UInt8]], _ wanted: [[UInt8]], at location: SourceLocation = #_sourceLocation
) {
  #expect(packets.count == wanted.count, sourceLocation: location)
  let place = zip(packets, wanted).enumerated().first { $1.0 != $1.1 }
  guard let (number, pair) = place else { return }
  let byte = zip(pair.0, pair.1).enumerated().first { $1.0 != $1.1 }?.offset
  Issue.record(
    """
    packet \(number) has \(pair.0.count) bytes and should have \(pair.1.count); \
    they differ from byte \(byte.map { "\($0)" } ?? "end") on
    """, sourceLocation: location)
}

/// How long a test waits for what must happen, on a machine that has other things to do too.
let patience = Duration.seconds(20)

extension PortReport {
  /// Packets dropped, whatever the cause.
  var lostPackets: UInt64 {
    // Every field there is, also those to come.
    Mirror(reflecting: dropped).children.reduce(0) { $0 + ($1.value as? UInt64 ?? 0) }
  }
}

/// The value inside, or an issue and the test's end.
func unwrap<Value>(
  _ value: Value?, at location: SourceLocation = #_sourceLocation
) throws -> Value {
  try #require(value, sourceLocation: location)
}
