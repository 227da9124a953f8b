import MartletTestKit
import Testing

@Suite("bench", .timeLimit(.minutes(3)))
struct BenchTests {
  /// What the row's object has beside its name, as the documentation promises.
  private static let times = [
    "alloc_free_pair_ns", "malloc_pair_ns", "fixed_stack_pair_ns", "nta2006_pair_ns",
    "worst_alloc_ns", "foreign_free_ns", "lock_list_free_ns",
  ]
  private static let numbers = [
    "held_imix_exact", "held_64_exact", "held_uniform_exact", "held_imix_copybreak",
    "held_imix_copybreak_aligned", "held_imix_trim", "held_imix_trim_aligned",
    "held_64_copybreak", "held_64_copybreak_aligned", "held_1518_order1", "held_1518_order3",
    "held_9014", "polyakov_first_failure", "power_of_two_first_failure", "zijlstra_order0",
    "zijlstra_order3", "zijlstra_failures", "pages_per_flow", "flow_purity", "flow_extra_bytes",
    "metadata_fraction", "growth_pair_ratio", "growth_settle_ratio", "growth_ratio",
    "random_release_ratio", "audit_growth_ratio",
  ]

  /// Figures that no load of the machine changes, and what they may be in a quick run, which holds
  /// fewer packets.
  private static let atMost = [
    "held_imix_exact": 400, "held_64_exact": 66, "held_uniform_exact": 875,
    "held_imix_copybreak": 950, "held_imix_trim": 1690, "held_64_copybreak": 100,
    "held_1518_order1": 1640, "held_1518_order3": 1570, "held_9014": 9792,
    "zijlstra_failures": 0.0005, "pages_per_flow": 20, "flow_extra_bytes": 0.04,
    "metadata_fraction": 0.01,
  ]
  private static let atLeast = [
    "polyakov_first_failure": 0.965, "zijlstra_order0": 0.87, "zijlstra_order3": 0.93,
    "flow_purity": 1,
  ]

  @Test("The allocator's row has every key, and what is exact holds")
  func allocator() throws {
    let folder = try #require(
      try runProgram(["mktemp", "-d", "-t", "martlet-bench.XXXXXXXXXX"]).split(separator: "\n")
        .first)
    defer { _ = try? runProgram(["rm", "-r", "\(folder)"]) }
    let path = "\(folder)/row.json"
    let program = try ChildProcess([
      try builtProgram("MartletBench"), "allocator", "--quick", "--json", path, "--plot",
      "\(folder)",
    ])
    // 1 says that a target was missed: the table says which.
    let status = try #require(try program.wait(timeout: .seconds(150)))
    #expect([.exited(0), .exited(1)].contains(status))
    let row = try JSONValue(try runProgram(["cat", path]))
    #expect(row["row"] == .string("allocator"))
    #expect(row["targets_missed"] != nil)
    for key in Self.times {
      let least = try #require(row[key, "min"]?.number, "\(key)")
      #expect(try #require(row[key, "median"]?.number) >= least && least > 0, "\(key)")
    }
    for key in Self.numbers { #expect(row[key]?.number != nil, "\(key)") }
    for (key, limit) in Self.atMost {
      #expect(try #require(row[key]?.number) <= limit, "\(key)")
    }
    for (key, limit) in Self.atLeast {
      #expect(try #require(row[key]?.number) >= limit, "\(key)")
    }
    for plot in ["bytes", "fill", "pages"] {
      #expect(try runProgram(["cat", "\(folder)/allocator-\(plot).svg"]).hasSuffix("</svg>\n"))
    }
  }

  @Test(
    "A row that is not there is a usage error that names those that are",
    arguments: [["nonsense"], [], ["../allocator"], ["allocator", "--json"]])
  func usage(arguments: [String]) throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let program = try ChildProcess([root + "/tools/bench"] + arguments)
    #expect(try program.wait(timeout: .seconds(30)) == .exited(64))
    let words = String(decoding: program.standardError, as: UTF8.self)
    #expect(words.hasPrefix("tools/bench: ") && words.contains("allocator"))
  }
}

extension JSONValue {
  /// The number this is.
  var number: Double? {
    guard case .number(let number) = self else { return nil }
    return number
  }
}
