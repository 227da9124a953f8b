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

  static func resize(_ file: Int32, _ size: Int) -> Bool { ftruncate(file, size) == 0 }

  static func punchHole(_ file: Int32) -> Bool {
    // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
    cxdp_fallocate(file, 3, 0, 4096) == 0
  }

  /// F_ADD_SEALS of F_SEAL_WRITE, which would keep the owner from mapping it again.
  static func seal(_ file: Int32) -> Bool { fcntl(file, 1033, 8) == 0 }

  static func close(_ file: Int32) { _ = Glibc.close(file) }
}
