import CXDP
import Glibc

/// What the kernel tells about a loaded program.
struct ProgramInformation {
  /// The kernel's number for it.
  let identifier: UInt32
  /// Its name, at most 15 characters.
  let name: String
  /// Its instructions as the verifier left them.
  let instructionCount: Int

  /// Asks about the program with this descriptor; nil if it is none or the process may not ask.
  init?(of descriptor: Int32) {
    var information = bpf_prog_info()
    var size = UInt32(MemoryLayout<bpf_prog_info>.size)
    // The kernel writes at most `size` bytes into the structure.
    guard unsafe bpf_obj_get_info_by_fd(descriptor, &information, &size) == 0 else { return nil }
    identifier = information.id
    instructionCount = Int(information.xlated_prog_len) / 8
    // Sixteen characters with a zero at the end, read while the structure lives.
    name = unsafe withUnsafeBytes(of: &information.name) { bytes in
      unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
