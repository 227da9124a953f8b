import Martlet
import MartletTestKit
import Testing

/// The shape of what the rows report that send packets, from a few slices.
///
/// How fast anything is, is no test's business.
@Suite(
  "bench, live", .serialized, .enabled(if: sockets.isExpected, needsSockets),
  .timeLimit(.minutes(3)))
struct LiveBenchTests {
  private static let keys = [
    "row", "mode", "b", "quantity", "ratio", "target", "aa", "packets_per_second", "app_ns",
    "total_ns", "syscalls_per_packet", "verdict",
  ]

  @Test(
    "Each comparison says what it compared, how, and whether the run was quiet enough",
    arguments: ["sink", "reflect", "forward", "offload", "steering"])
  func comparisons(row: String) throws {
    let lines = try Self.run(row)
    #expect(!lines.isEmpty)
    for line in lines {
      #expect(Array(line.keys.prefix(Self.keys.count)) == Self.keys)
      #expect(line["row"] == .string(row))
      #expect([.string("app_ns"), .string("total_ns")].contains(line["quantity"]))
      try Self.expectRatio(line["ratio"])
      try Self.expectRatio(line["aa"])
      for side in ["martlet", "b"] {
        let rate = try #require(line["packets_per_second", side]?.number)
        #expect(rate > 100 && rate < 1e9)
        // The generator alone takes tens of nanoseconds for a packet.
        #expect(try #require(line["total_ns", side]?.number) > 10)
        #expect(try #require(line["app_ns", side]?.number) >= 0)
      }
      #expect([.string("ok"), .string("too noisy")].contains(line["verdict"]))
    }
  }

  @Test("An echo takes microseconds, and one that sleeps no processor")
  func latency() throws {
    let lines = try Self.run("latency")
    let rivals = ["kernel-udp-spin", "c", "kernel-udp-spin", "kernel-udp-block", "c"]
    #expect(lines.map { $0["b"] } == rivals.map { .string($0) })
    let modes = ["spin", "spin", "spin, generic", "wait", "wait"]
    #expect(lines.map { $0["mode"] } == modes.map { .string($0) })
    for line in lines {
      #expect(line["quantity"] == .string("p50_us"))
      try Self.expectRatio(line["ratio"])
      #expect(try #require(line["p50_us", "martlet"]?.number) > 1)
    }
    #expect(try #require(lines.last?["idle_cpu"]?.number) < 0.2)
    #expect(try #require(lines.last?["wake_p99_us"]?.number) > 1)
  }

  @Test("What grows is named with its sizes")
  func scale() throws {
    let lines = try Self.run("scale")
    let axes = ["ports", "groups", "MiB"] + (Processor.available.count > 1 ? ["workers"] : [])
    #expect(lines.map { $0["mode"] } == axes.map { .string($0) })
    for line in lines {
      let points = try #require(line["points"]?.elements)
      #expect(points.count > 1 && points.allSatisfy { $0["ns", "min"]?.number ?? 0 > 0 })
      #expect(try #require(line["growth"]?.number) > 0)
    }
  }

  /// A row's objects, from two pairs of slices for each comparison.
  private static func run(_ row: String) throws -> [JSONValue] {
    let folder = try #require(
      try runProgram(["mktemp", "-d", "-t", "martlet-bench.XXXXXXXXXX"]).split(separator: "\n")
        .first)
    defer { _ = try? runProgram(["rm", "-r", "\(folder)"]) }
    let path = "\(folder)/row.json"
    let program = try ChildProcess([
      try builtProgram("MartletBench"), row, "--quick", "--pairs", "2", "--json", path,
    ])
    // 1 says that a target was missed, which is no failure here.
    let status = try #require(try program.wait(timeout: .seconds(100)))
    let words = String(decoding: program.standardError, as: UTF8.self)
    #expect([.exited(0), .exited(1)].contains(status), "\(words)")
    return try JSONValue(try runProgram(["cat", path])).elements
  }

  /// A ratio with its interval around it.
  private static func expectRatio(_ value: JSONValue?) throws {
    let median = try #require(value?["median"]?.number)
    #expect(median > 0 && median.isFinite)
    #expect(try #require(value?["low"]?.number) <= median + 1e-9)
    #expect(try #require(value?["high"]?.number) >= median - 1e-9)
  }
}
