import CXDP
import Glibc
import SystemPackage
import XSK

extension SteeringProgram {
  /// Whether the kernel lets one program stand in for a function of another, which the dispatcher
  /// needs.
  ///
  /// Some kernels refuse it; libxdp would then fall back to netlink without a dispatcher, and a
  /// crash would leave a program that nothing recognises. Touches no interface. About 0.1 ms.
  static func kernelHasDispatcher() -> Bool {
    libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nil) == 1
  }

  /// Attaches by libxdp; nil if libxdp attached without a dispatcher, which is undone.
  func attachUnderDispatcher(
    _ interface: Interface, _ mode: AttachMode
  ) throws(XDPError) -> OpaquePointer? {
    let made = unsafe xdp_program__from_bpf_obj(object.object, "xdp")
    let failure = unsafe libxdp_get_error(UnsafeRawPointer(made))
    guard failure == 0, let program = unsafe made else {
      throw loadError(Errno(rawValue: Int32(-failure)), log: "")
    }
    let result = unsafe xdp_program__attach(program, Int32(interface.index), mode.libxdp, 0)
    guard result == 0 else {
      unsafe xdp_program__close(program)
      let log = object.verifierLog
      if !log.isEmpty { throw loadError(Errno(rawValue: -result), log: log) }
      throw attachError(Errno(rawValue: -result), to: interface.name, mode: mode)
    }
    if try PresentProgram(on: interface)?.isDispatcher == true { return unsafe program }
    _ = unsafe xdp_program__detach(program, Int32(interface.index), mode.libxdp, 0)
    unsafe xdp_program__close(program)
    return nil
  }

  /// Removes what a crashed process of ours left on the interface; refuses if it is anybody else's.
  ///
  /// The caller holds the interface's lock, so a program of ours has no living owner.
  func clear(_ interface: Interface) throws(XDPError) {
    // A killed process lets go of its lock and of its link one after the other, within milliseconds
    // and without an event to wait for.
    for attempt in 0... {
      guard let present = try PresentProgram(on: interface) else { return }
      let result: Int32
      if present.isDispatcher {
        guard let ours = unsafe soleOwnership(of: interface) else {
          throw present.refusal(interface.name, because: "with programs that are not Martlet's")
        }
        result = unsafe xdp_multiprog__detach(ours)
        unsafe xdp_multiprog__close(ours)
      } else if present.isOurs {
        result = bpf_xdp_detach(Int32(interface.index), present.mode.flag, nil)
      } else {
        throw present.refusal(interface.name)
      }
      if result == 0 { return }
      guard Errno(rawValue: -result) == .resourceBusy, attempt < 200 else {
        throw present.refusal(
          interface.name, because: "left by Martlet and still held by a process")
      }
      usleep(1_000)
    }
  }

  /// libxdp's handle of the dispatcher if every program under it is ours; the caller closes it.
  private func soleOwnership(of interface: Interface) -> OpaquePointer? {
    let found = unsafe xdp_multiprog__get_from_ifindex(Int32(interface.index))
    guard unsafe libxdp_get_error(UnsafeRawPointer(found)) == 0, let multiprog = unsafe found else {
      return nil
    }
    var isOurs = true
    var program = unsafe xdp_multiprog__next_prog(nil, multiprog)
    while let current = unsafe program {
      if unsafe String(cString: xdp_program__name(current)) != ProgramObject.programName {
        isOurs = false
      }
      unsafe program = unsafe xdp_multiprog__next_prog(current, multiprog)
    }
    if isOurs { return unsafe multiprog }
    unsafe xdp_multiprog__close(multiprog)
    return nil
  }
}
