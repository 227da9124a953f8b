import CXDP

/// How what each CPU has for itself lies in the map `cpus`: counters of ports and of rules, and the
/// flow cache (`struct cpu` and `struct layout` of bpf/rules.h).
struct CPULayout {
  /// What the program calls the map.
  static let mapName = "cpus"

  /// Flows for which there is room: a power of two.
  let places: Int

  /// Flows that anybody may ask room for.
  static let flowCounts = 1...1 << 20

  /// Rounds up, to 16 places at least; the count is one of `flowCounts`.
  init(flowCount: Int) {
    places = 1 << max(4, Int.bitWidth - (flowCount - 1).leadingZeroBitCount)
  }

  /// Of one CPU: whole lines of the processor's cache, so that the next CPU's begin with one.
  var byteCount: Int { (tags + Self.tagSize * places + 63) / 64 * 64 }

  /// Where a port's counters on a CPU stand, and a rule's.
  static func counters(of port: Int) -> Int { 8 * SteeringCounters.wordCount * port }
  static func tally(of slot: Int) -> Int { firstTally + tallySize * slot }
  /// Where a flow stands on a CPU.
  static func flow(at place: Int) -> Int { firstFlow + flowSize * place }

  private static let firstTally = counters(of: SettingsPage.portCount)
  private static let tallySize = 32
  private static let flowSize = 64
  private static let rareKeySize = 16
  private static let tagSize = 2
  private static let firstFlow = tally(of: RuleCapacity.slots)
  private var rareKeys: Int { Self.flow(at: places) }
  private var tags: Int { rareKeys + Self.rareKeySize * places }

  /// Tells the program, before it is loaded: the verifier takes the numbers for constants.
  @unsafe func write(into object: OpaquePointer) {
    let words = [places, 64 - places.trailingZeroBitCount, rareKeys, tags].map(UInt32.init)
    // libbpf copies the bytes.
    let result = unsafe words.withUnsafeBytes {
      unsafe bpf_map__set_initial_value(
        bpf_object__find_map_by_name(object, ".rodata"), $0.baseAddress, $0.count)
    }
    precondition(result == 0, "the embedded object has another layout")
  }
}
