import CXDP
import Glibc
import XSK

/// What libxdp pins in bpffs for each dispatcher: a folder named for the interface's number and the
/// dispatcher's, with the programs under it and their links.
///
/// libxdp removes a folder when it detaches, but cannot once the interface is gone; the programs
/// and their maps would then stay in the kernel for good.
enum DispatcherPins {
  /// Removes the folders of an interface that hold the program with this number.
  ///
  /// Interface numbers belong to a network namespace and bpffs to the machine: only the program
  /// tells whose a folder is.
  static func remove(interface: UInt32, program: UInt32) {
    // As libxdp finds it.
    let root = unsafe getenv("LIBXDP_BPFFS").map { unsafe String(cString: $0) } ?? "/sys/fs/bpf"
    let place = root + "/xdp"
    // libxdp's users take turns by a lock on the folder.
    let lock = unsafe open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { return }
    defer { close(lock) }
    flock(lock, LOCK_EX)
    for name in FolderListing.names(place) where name.hasPrefix("dispatch-\(interface)-") {
      let folder = "\(place)/\(name)"
      let pins = FolderListing.names(folder).map { "\(folder)/\($0)" }
      guard pins.contains(where: { $0.hasSuffix("-prog") && holds($0, program) }) else { continue }
      for pin in pins { unsafe unlink(pin) }
      unsafe rmdir(folder)
    }
  }

  /// Whether the program with this number is pinned there.
  private static func holds(_ path: String, _ number: UInt32) -> Bool {
    // A C string for the length of the call.
    let descriptor = unsafe bpf_obj_get(path)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return ProgramInformation(of: descriptor)?.identifier == number
  }
}
