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

  /// Attaches by libxdp; nil if there is no dispatcher to be had after all, and nothing is
  /// attached.
  ///
  /// So it is where libxdp's own program is missing (`xdp-dispatcher.o`), where the kernel does not
  /// take ours as a part of it, and where libxdp attached without it, which is undone.
  mutating func attachUnderDispatcher(
    _ interface: Interface, _ mode: AttachMode
  ) throws(XDPError) -> AttachedPort.Hold? {
    // Kept also if this attempt fails: libxdp loads an object once.
    if dispatched == nil { dispatched = try dispatchedProgram() }
    guard let program = dispatched else { return nil }
    if let code = program.attach(to: interface, mode) {
      if code == .noSuchFileOrDirectory || isRefused { return nil }
      throw attachError(code, to: interface.name, mode: mode)
    }
    guard let present = try PresentProgram(on: interface), present.isDispatcher else {
      program.detach(from: interface, mode)
      return nil
    }
    return .dispatcher(program, number: present.identifier)
  }

  /// Gives the dispatcher up: loads the program anew for links, with the rules in force.
  mutating func useLinks() throws(XDPError) {
    guard ports.isEmpty else {
      throw XDPError(
        .unsupported, operation: "attach to a further interface",
        reason: "libxdp's dispatcher took the program for one interface and not for another",
        remedy: "look whether bpffs and libxdp's xdp-dispatcher.o are still there")
    }
    try settle()
    let fresh = try ProgramObject(socketCount: socketCapacity, acceptsFragments: acceptsFragments)
    try fresh.load()
    dispatched = nil
    usesDispatcher = false
    engine = nil
    word = SteeringWord(set: nil, defaultAction: 0, number: 0)
    object = fresh
    setFlags()
    try publishAnew()
    try setHeartbeat(heartbeat)
  }

  /// Puts the rules in force in a program that has seen no packet, and those that wait to be
  /// confirmed for the time that is left to them.
  private mutating func publishAnew() throws(XDPError) {
    var tried = book
    let before = unconfirmed.take()
    if let before { book = before.book }
    book.renewAll()
    try publish(book)
    guard let before, let clock else { return }
    tried.renewAll()
    try publish(tried, confirmWithin: clock.time(until: before.deadline))
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
        let ours = try unsafe soleOwnership(of: interface, present)
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

  /// libxdp's handle of the dispatcher, which the caller closes.
  ///
  /// Refuses if a program under it is not ours, or if libxdp cannot tell what runs there.
  private func soleOwnership(
    of interface: Interface, _ present: PresentProgram
  ) throws(XDPError) -> OpaquePointer {
    let found = unsafe xdp_multiprog__get_from_ifindex(Int32(interface.index))
    guard unsafe libxdp_get_error(UnsafeRawPointer(found)) == 0, let multiprog = unsafe found else {
      throw present.refusal(interface.name, because: "and libxdp cannot read it")
    }
    // A dispatcher whose pins libxdp does not find counts as a program without one ("legacy").
    if unsafe xdp_multiprog__is_legacy(multiprog) {
      unsafe xdp_multiprog__close(multiprog)
      throw present.refusal(
        interface.name, because: "and what runs under it is not to be found in bpffs")
    }
    var isOurs = true
    var program = unsafe xdp_multiprog__next_prog(nil, multiprog)
    while let current = unsafe program {
      let name = unsafe String(cString: xdp_program__name(current))
      if !ProgramObject.programNames.contains(name) { isOurs = false }
      unsafe program = unsafe xdp_multiprog__next_prog(current, multiprog)
    }
    if isOurs { return unsafe multiprog }
    unsafe xdp_multiprog__close(multiprog)
    throw present.refusal(interface.name, because: "with programs that are not Martlet's")
  }
}
