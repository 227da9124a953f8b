import SystemPackage
import Testing
import XSK

@testable import Steering

/// What is said of a program that the kernel does not take.
struct LoadErrorTests {
  struct Case: Sendable {
    let code: Errno
    let log: String
    let kind: XDPError.Kind
    let says: String
  }

  private static let statistics = "processed 12 insns (limit 1000000) max_states_per_insn 0\n"

  @Test(arguments: [
    Case(code: .notPermitted, log: "", kind: .notPermitted, says: "CAP_BPF"),
    Case(
      code: .permissionDenied,
      log: "0: (bf) r6 = r1\nR1 pointer prohibited for !root\n" + statistics,
      kind: .notPermitted, says: "CAP_PERFMON as well"),
    Case(
      code: .permissionDenied, log: "R1 invalid mem access 'scalar'\n" + statistics,
      kind: .unsupported, says: "the verifier refuses it: R1 invalid mem access 'scalar'"),
    Case(
      code: .invalidArgument, log: "prohibited for !root\n", kind: .unsupported,
      says: "the verifier refuses it: prohibited for !root"),
    Case(
      code: .argListTooLong, log: "", kind: .unsupported,
      says: "no maps with elements beyond 4 MiB"),
    Case(
      code: .argListTooLong, log: "BPF program is too large.\n", kind: .unsupported,
      says: "the verifier refuses it: BPF program is too large."),
    Case(code: .noFunction, log: "", kind: .unsupported, says: "this kernel has no eBPF"),
    Case(code: .noMemory, log: "", kind: .memoryLimit, says: "raise the limits"),
    Case(code: .tooManyOpenFiles, log: "", kind: .memoryLimit, says: "ulimit -n"),
    Case(code: .invalidArgument, log: "", kind: .unsupported, says: "the kernel refuses it: "),
  ])
  func saysWhatAndWhatToDo(_ one: Case) {
    let error = loadError(one.code, log: one.log)
    #expect(error.kind == one.kind)
    #expect(error.description.contains(one.says), "\(error)")
    #expect(error.errno == one.code && !error.remedy.isEmpty)
    #expect(!error.description.contains("\n"))
  }

  @Test(arguments: [
    Case(code: .notPermitted, log: "", kind: .notPermitted, says: "CAP_BPF"),
    Case(code: .noMemory, log: "", kind: .memoryLimit, says: "raise the limits"),
    Case(code: .tooManyOpenFiles, log: "", kind: .memoryLimit, says: "ulimit -n"),
    Case(code: .argListTooLong, log: "", kind: .system, says: "report this"),
    Case(code: .noSuchFileOrDirectory, log: "", kind: .system, says: "report this"),
  ])
  func saysItOfMapsToo(_ one: Case) {
    let error = mapError("read the counters of near", -one.code.rawValue)
    #expect(error.kind == one.kind && error.errno == one.code)
    #expect(error.description.hasPrefix("read the counters of near: the kernel refuses it: "))
    #expect(error.remedy.contains(one.says), "\(error)")
    #expect(error.remedy.contains("CAP_") == (one.kind == .notPermitted))
  }
}
