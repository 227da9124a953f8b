internal import CXDP
internal import Glibc

/// One of the files that packet memory is glued from: an arena that can be handed to a process.
public struct MemoryPart: Sendable, Hashable {
  /// Bytes, a multiple of the pages' size if there are several parts.
  public var byteCount: Int
  /// Who may write to it beside the owner.
  public var access: Access

  /// What whoever is given the file can do with it.
  public enum Access: Sendable, Hashable {
    /// Map it to read, and nothing else.
    case readOnly
    /// Map it to read and write; neither truncate it nor make it grow.
    ///
    /// For what a tenant sends: seals that rule out every later writer rule out the tenant too.
    case writable
  }

  /// A part that others may read, or also write.
  public init(byteCount: Int, access: Access = .readOnly) {
    self.byteCount = byteCount
    self.access = access
  }
}

/// The file of one part of packet memory, and where in the memory it lies.
final class PartFile: Sendable {
  let file: OwnedDescriptor
  let part: MemoryPart
  let offsets: Range<Int>

  init(_ file: consuming OwnedDescriptor, _ part: MemoryPart, at offset: Int) {
    self.file = file
    self.part = part
    offsets = offset..<offset + part.byteCount
  }

  /// The file opened a second time, for other processes: to read only, unless they may write.
  ///
  /// Not a duplicate of `file`: the kernel counts how often a file is open, and this one is open
  /// until the last process that got it, whoever passed it on, has closed and unmapped it.
  func openForPeers() -> OwnedDescriptor? { open(part.access == .readOnly ? O_RDONLY : O_RDWR) }

  /// Whether a process that was given the file may still have it open or mapped.
  ///
  /// The kernel grants a write lease only on a file that nobody else has opened; that a memfd came
  /// into being does not count as opening it. Where it grants none at all the answer is yes.
  var isSeenByPeers: Bool {
    guard let probe = open(O_RDWR) else { return true }
    // The lease goes with the probe.
    return fcntl(probe.value, Int32(CXDP_F_SETLEASE), Int32(F_WRLCK)) != 0
  }

  private func open(_ mode: Int32) -> OwnedDescriptor? {
    // A peer of the same user could have a lease of its own: then this does not wait for it to end.
    let flags = mode | O_CLOEXEC | O_NONBLOCK
    // A C string for the length of the call.
    return OwnedDescriptor(unsafe Glibc.open("/proc/self/fd/\(file.value)", flags))
  }
}
