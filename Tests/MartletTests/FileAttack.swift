import CXDP
import Glibc
import MartletTestKit

/// What a process can try with a file it was given; each says whether the kernel let it.
enum FileAttack {
  static func mapToWrite(_ file: Int32, _ size: Int) -> Bool {
    // The kernel chooses the address; nothing is written.
    let start = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    guard unsafe start != MAP_FAILED else { return false }
    unsafe munmap(start, size)
    return true
  }

  static func write(_ file: Int32) -> Bool { unsafe pwrite(file, "x", 1, 0) == 1 }

  /// Gives an end of a pair a name of the kernel's choice.
  static func bindAbstractly(_ socket: Int32) -> Bool {
    var address = sockaddr()
    address.sa_family = sa_family_t(AF_UNIX)
    // The kernel reads the two bytes of the family.
    return unsafe bind(socket, &address, 2) == 0
  }

  static func resize(_ file: Int32, _ size: Int) -> Bool { ftruncate(file, size) == 0 }

  static func punchHole(_ file: Int32) -> Bool {
    // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    cxdp_fallocate(file, 3, 0, 4096) == 0
  }

  /// F_ADD_SEALS of F_SEAL_WRITE, which would keep the owner from mapping it again.
  static func seal(_ file: Int32) -> Bool { fcntl(file, 1033, 8) == 0 }

  /// Puts the first page of a file into a pipe and says where to read it; nil if that is refused.
  static func keepInPipe(_ file: Int32) -> Int32? {
    var ends: [Int32] = [-1, -1]
    // The kernel writes two words.
    guard unsafe pipe(&ends) == 0, lseek(file, 0, SEEK_SET) == 0 else { return nil }
    let count = cxdp_splice(file, ends[1], 4096)
    close(ends[1])
    if count == 4096 { return ends[0] }
    close(ends[0])
    return nil
  }

  /// The first byte in a pipe; nil if there is none.
  static func firstByte(in pipe: Int32) -> UInt8? {
    var byte: UInt8 = 0
    // The kernel writes one byte.
    return unsafe read(pipe, &byte, 1) == 1 ? byte : nil
  }

  static func close(_ file: Int32) { _ = Glibc.close(file) }
}
