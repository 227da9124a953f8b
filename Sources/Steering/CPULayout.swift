import CXDP
import XSK

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

  /// How many CPUs' elements the map has to have: one more than the greatest number that a CPU of
  /// this machine may ever get, as some numbers may be no CPU's.
  ///
  /// `list` is the kernel's, such as `0-3,8-11`; without one the CPUs are counted.
  static func cpuCount(
    possible list: String? = try? TextFile.contents(of: "/sys/devices/system/cpu/possible")
  ) -> Int {
    let last = list?.split { !$0.isWholeNumber }.last.flatMap { Int($0) }
    return last.map { $0 + 1 } ?? max(1, Int(libbpf_num_possible_cpus()))
  }

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
