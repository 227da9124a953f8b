import CXDP
import Glibc
import MartletTestKit

/// A capability by its number in linux/capability.h.
enum Capability: Int {
  case netAdmin = 12
  case netRaw = 13
  case ipcLock = 14
  case sysAdmin = 21
  case perfmon = 38
  case bpf = 39
}

/// Runs `body` on the calling thread without some capabilities, and takes them back afterwards.
func without<R>(_ capabilities: [Capability], _ body: () throws -> R) throws -> R {
  // A header of version 3 for this thread; effective, permitted and inheritable bits of
  // capabilities 0 to 31, then of the rest.
  var header: [UInt32] = [0x2008_0522, 0]
  var sets = [UInt32](repeating: 0, count: 6)
  // Both arrays have the sizes that version 3 wants.
  guard unsafe cxdp_capget(&header, &sets) == 0 else { throw TestKitError("capget: \(errno)") }
  var reduced = sets
  for capability in capabilities {
    reduced[capability.rawValue < 32 ? 0 : 3] &= ~(1 << UInt32(capability.rawValue % 32))
  }
  guard unsafe cxdp_capset(&header, &reduced) == 0 else { throw TestKitError("capset: \(errno)") }
  // As above: the same thread, the same sizes.
  defer { _ = unsafe cxdp_capset(&header, &sets) }
  return try body()
}
