import CXDP
import Glibc
import SystemPackage
import XSK

/// The XDP program that an interface has at present, whoever attached it.
struct PresentProgram {
  /// The kernel's number for the program.
  let identifier: UInt32
  /// Its name, at most 15 characters; empty if it has none or the process may not ask.
  let name: String
  /// Where it is attached.
  let mode: AttachMode

  /// libxdp's dispatcher, under which programs of several owners may run.
  var isDispatcher: Bool { name == "xdp_dispatcher" }
  /// Ours, attached without a dispatcher.
  var isOurs: Bool { ProgramObject.programNames.contains(name) }

  /// Asks the kernel; nil if the interface has none.
  ///
  /// About 0.1 ms.
  init?(on interface: Interface) throws(XDPError) {
    var answer = bpf_xdp_query_opts()
    let result = unsafe cxdp_query_programs(Int32(interface.index), &answer)
    guard result == 0 else {
      throw attachError(Errno(rawValue: -result), to: interface.name, mode: .native)
    }
    // With programs in several places `prog_id` is 0 and each place has its own.
    let places = [answer.drv_prog_id, answer.skb_prog_id, answer.hw_prog_id, answer.prog_id]
    guard let identifier = places.first(where: { $0 != 0 }) else { return nil }
    self.identifier = identifier
    mode = answer.skb_prog_id == identifier ? .generic : .native
    name = Self.name(of: identifier)
  }

  private static func name(of identifier: UInt32) -> String {
    let descriptor = bpf_prog_get_fd_by_id(identifier)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    return ProgramInformation(of: descriptor)?.name ?? ""
  }

  /// The refusal to take the interface away from whoever has it.
  func refusal(_ interface: String, because reason: String? = nil) -> XDPError {
    let flag = mode == .generic ? "xdpgeneric" : "xdpdrv"
    let called = name.isEmpty ? "an XDP program without a name" : "the XDP program \(name)"
    return XDPError(
      .foreignProgram, operation: "attach to \(interface)",
      reason: "\(called) (id \(identifier), \(mode)) holds it" + (reason.map { ", \($0)" } ?? ""),
      remedy: "end its owner, or remove it with: ip link set dev \(interface) \(flag) off",
      errno: .resourceBusy)
  }
}
