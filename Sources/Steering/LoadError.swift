import SystemPackage
import XSK

/// Why the program could not be loaded, from the kernel's answer and the verifier's log.
func loadError(_ code: Errno, log: String) -> XDPError {
  let operation = "load the steering program"
  switch code {
  case .notPermitted:
    return XDPError(
      .notPermitted, operation: operation,
      reason: "the kernel does not permit eBPF to this process",
      remedy: "run as root or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN", errno: code)
  case .argListTooLong where log.isEmpty:
    return XDPError(
      .unsupported, operation: operation,
      reason: "this kernel has no maps with elements beyond 4 MiB",
      remedy: "use Linux 6.0 or later, or a flowCacheSize of 32768 at most", errno: code)
  case .noFunction:
    return XDPError(
      .unsupported, operation: operation, reason: "this kernel has no eBPF",
      remedy: "use a kernel with CONFIG_BPF_SYSCALL and CONFIG_XDP_SOCKETS", errno: code)
  case .noMemory, .tooManyOpenFiles, .tooManyOpenFilesInSystem:
    return XDPError(
      .memoryLimit, operation: operation, reason: "\(code)",
      remedy: raiseLimits, errno: code)
  default:
    let said = lastWords(of: log)
    // Without CAP_PERFMON the verifier wants more than the program's sums of addresses can show.
    if code == .permissionDenied, said.contains("!root") {
      return XDPError(
        .notPermitted, operation: operation,
        reason: "the kernel permits this process simpler programs only",
        remedy: "run as root or with CAP_PERFMON as well", errno: code)
    }
    return XDPError(
      .unsupported, operation: operation,
      reason: said.isEmpty ? "the kernel refuses it: \(code)" : "the verifier refuses it: \(said)",
      remedy: "use Linux 5.18 or later, or report this with the kernel's version", errno: code)
  }
}

/// The verifier's reason: its last line that is not statistics.
func lastWords(of log: String) -> String {
  let lines = log.split(separator: "\n")
  let said = lines.last { line in
    !["processed ", "verification time", "stack depth"].contains { line.hasPrefix($0) }
  }
  return said.map(String.init) ?? ""
}

/// What it means that the kernel refuses something that is done with a map.
func mapError(_ operation: String, _ result: Int32) -> XDPError {
  let code = Errno(rawValue: -result)
  let (kind, remedy): (XDPError.Kind, String) =
    switch code {
    case .notPermitted: (.notPermitted, "run as root or with CAP_BPF and CAP_NET_ADMIN")
    case .noMemory, .tooManyOpenFiles, .tooManyOpenFilesInSystem: (.memoryLimit, raiseLimits)
    default: (.system, "report this with the kernel's version")
    }
  return XDPError(
    kind, operation: operation, reason: "the kernel refuses it: \(code)", remedy: remedy,
    errno: code)
}

private let raiseLimits = "raise the limits on memory and open files (ulimit -l, ulimit -n)"
