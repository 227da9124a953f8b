import CXDP
import SystemPackage
import XSK

/// libxdp's handle of the program, which it loads with the first interface and keeps for the
/// others.
@safe final class DispatchedProgram {
  private let handle: OpaquePointer
  /// What libbpf's object goes with: the handle looks into it.
  private let owner: AnyObject

  /// A handle of the object's program, which must not be loaded yet.
  convenience init(of object: ProgramObject) throws(XDPError) {
    try unsafe self.init(object.object, of: object, section: "xdp")
  }

  /// The same of the one with rules.
  convenience init(of object: RuleObject) throws(XDPError) {
    try unsafe self.init(object.object, of: object, section: object.kind.section)
  }

  private init(
    _ object: OpaquePointer, of owner: AnyObject, section: String
  ) throws(XDPError) {
    let made = unsafe xdp_program__from_bpf_obj(object, section)
    let failure = unsafe libxdp_get_error(UnsafeRawPointer(made))
    guard failure == 0, let handle = unsafe made else {
      throw loadError(Errno(rawValue: Int32(-failure)), log: "")
    }
    unsafe self.handle = handle
    self.owner = owner
  }

  deinit { unsafe xdp_program__close(handle) }

  /// Attaches by netlink; nil is success.
  func attach(to interface: Interface, _ mode: AttachMode) -> Errno? {
    let result = unsafe xdp_program__attach(handle, Int32(interface.index), mode.libxdp, 0)
    return result == 0 ? nil : Errno(rawValue: -result)
  }

  /// Detaches, from the dispatcher or without one; says whether it could.
  @discardableResult
  func detach(from interface: Interface, _ mode: AttachMode) -> Bool {
    unsafe xdp_program__detach(handle, Int32(interface.index), mode.libxdp, 0) == 0
  }

  /// Detaches and leaves nothing of ours, also where libxdp cannot.
  ///
  /// libxdp goes by what it pinned in bpffs and by the interface, and either may have vanished
  /// meanwhile. `dispatcher` is the kernel's number of the one that the program was attached with:
  /// whoever joins it puts another in its place.
  func letGo(of interface: Interface, _ mode: AttachMode, dispatcher: UInt32) {
    if detach(from: interface, mode) { return }
    // An interface that is gone has no program either.
    if let present = try? PresentProgram(on: interface) {
      guard present.identifier == dispatcher else { return }
      _ = bpf_xdp_detach(Int32(interface.index), mode.flag, nil)
    }
    let program = unsafe xdp_program__id(handle)
    DispatcherPins.remove(interface: interface.index, program: program)
  }
}
