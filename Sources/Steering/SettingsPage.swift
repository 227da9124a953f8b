import Glibc
import Synchronization
import SystemPackage
import XSK

/// `struct settings` of bpf/steer.h, mapped: what the program reads for every packet.
@safe struct SettingsPage: ~Copyable {
  /// Interfaces that one program serves: `PORTS` of bpf/steer.h.
  static let portCount = 16

  private let words: UnsafeMutablePointer<Atomic<UInt32>>
  private static let byteCount = 4096

  /// Maps the settings; `map` may be closed afterwards.
  init(map: Int32) throws(XDPError) {
    let memory = unsafe mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0)
    guard unsafe memory != MAP_FAILED, let memory = unsafe memory else {
      throw loadError(Errno(rawValue: errno), log: "")
    }
    // The kernel's page is zeroed and aligned, and a 32-bit atomic lies like a 32-bit integer.
    unsafe words = unsafe memory.assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  deinit {
    _ = unsafe munmap(words, Self.byteCount)
  }

  /// Puts a rule set in force: packets see the one before or this one.
  func setRules(_ word: UInt32) { store(word, at: 0) }

  /// Tells the program of an interface, or with `interface` 0 that the port is nobody's.
  func setPort(_ number: Int, interface: UInt32, firstSocket: Int = 0, queueCount: Int = 0) {
    // Two words of rules, then four of each port; the interface last, as it makes the rest count.
    let word = 2 + 4 * number
    store(UInt32(firstSocket), at: word + 1)
    store(UInt32(queueCount), at: word + 2)
    store(interface, at: word)
  }

  private func store(_ value: UInt32, at index: Int) {
    precondition(index < 2 + 4 * Self.portCount, "beyond the settings")
    // In bounds by the line above; the page is mapped as long as this lives.
    unsafe words[index].store(value, ordering: .releasing)
  }
}
