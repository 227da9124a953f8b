import Glibc
import Synchronization
import SystemPackage
import XSK

/// `struct settings` of bpf/steer.h, mapped: what the program reads for every packet.
///
/// Any thread may read and let its heart beat. Only the owner of the program changes anything else,
/// as the fast path is set by what is read here. Each store is one that is whole.
@safe struct SettingsPage: ~Copyable, @unchecked Sendable {
  /// Interfaces that one program serves: `PORTS` of bpf/steer.h.
  static let portCount = 16
  /// Those of them that have a fast path, from the first on: `FAST_PORTS` of bpf/steer.h.
  private static let fastPortCount = 2
  /// Workers with a heart of their own: `WORKERS` of bpf/steer.h.
  static let workerCount = 32
  /// Places among the sockets whose worker is known: `OWNED_SOCKETS` of bpf/steer.h.
  static let ownedSocketCount = 1024

  private let words: UnsafeMutablePointer<Atomic<UInt32>>
  private static let byteCount = 4096
  /// Where the parts begin, in words: what is asked besides rules, the interfaces with a fast path,
  /// the ports, of four each, the seal, the beats, of two, and the owners, of a byte.
  private static let beatLimit = 3
  private static let deadline = 4
  private static let firstFast = 6
  private static let firstPort = firstFast + fastPortCount
  private static let seal = firstPort + 4 * portCount
  private static let firstBeat = seal + 2
  private static let firstOwner = firstBeat + 2 * workerCount

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

  /// Puts rules in force: packets see those before or these, those of a port with a fast path a
  /// store later than others.
  func setRules(_ word: SteeringWord) {
    store(word.rawValue, at: 0)
    setFastPath()
  }

  /// Lets other rules take over once the counter of ticks is beyond `deadline`; 0: never.
  func setFallback(_ word: SteeringWord, deadline: UInt64) {
    store(word.rawValue, at: 1)
    setDeadline(deadline)
  }

  /// Nobody has to confirm anything any more.
  func clearDeadline() { setDeadline(0) }

  private func setDeadline(_ tick: UInt64) {
    store64(tick, at: Self.deadline)
    setFastPath()
  }

  /// What the program does besides: `enum flags` of bpf/steer.h.
  func setFlags(_ flags: UInt32) { store(flags, at: 2) }

  /// After how many ticks without a beat everything goes to the kernel; 0: never.
  func setBeatLimit(_ ticks: UInt32) {
    store(ticks, at: Self.beatLimit)
    setFastPath()
  }

  /// A worker was alive at this tick.
  func beat(_ tick: UInt64, worker: Int) { store64(tick, at: Self.firstBeat + 2 * worker) }

  /// Says which worker serves a socket; those beyond the last place are the first worker's.
  func setOwner(_ worker: Int, ofSocket place: Int) {
    guard place < Self.ownedSocketCount else { return }
    precondition(place >= 0 && (0..<Self.workerCount).contains(worker), "beyond the settings")
    // In bounds by the lines above; an atomic byte lies like a plain one.
    unsafe UnsafeMutableRawPointer(words).advanced(by: 4 * Self.firstOwner + place)
      .assumingMemoryBound(to: Atomic<UInt8>.self).pointee
      .store(UInt8(worker), ordering: .relaxed)
  }

  /// What facts in front of packets begin with.
  func setSeal(_ seal: UInt64) { store64(seal, at: Self.seal) }

  /// Whether a packet of the port went to a socket without the facts that it should have had.
  ///
  /// Who has seen the packet on its ring sees this too.
  func isBare(_ number: Int) -> Bool {
    precondition((0..<Self.portCount).contains(number), "no port")
    return load(Self.firstPort + 4 * number + 3) != 0
  }

  /// Tells the program of an interface.
  func setPort(_ number: Int, interface: UInt32, firstSocket: Int, queueCount: Int) {
    // The interface last, as it makes the rest count.
    let word = Self.firstPort + 4 * number
    store(UInt32(firstSocket), at: word + 1)
    store(UInt32(queueCount), at: word + 2)
    store(0, at: word + 3)
    store(interface, at: word)
    setFastPath()
  }

  /// A port is nobody's any more.
  ///
  /// What else is known of it stays until another has its number: a packet may be on its way.
  func clearPort(_ number: Int) {
    store(0, at: Self.firstPort + 4 * number)
    setFastPath()
  }

  /// Opens or closes the fast path of the first ports, after each change of what decides that: it
  /// is open while all packets go to sockets and nothing is asked.
  ///
  /// A deadline that has passed asks until it is cleared.
  private func setFastPath() {
    let deadline = load(Self.deadline) | load(Self.deadline + 1)
    let isFast = SteeringWord(rawValue: load(0)).isToSocket && deadline | load(Self.beatLimit) == 0
    for number in 0..<Self.fastPortCount {
      store(isFast ? load(Self.firstPort + 4 * number) : 0, at: Self.firstFast + number)
    }
  }

  private func load(_ index: Int) -> UInt32 {
    precondition(index < Self.firstBeat, "beyond the settings")
    // In bounds by the line above; the page is mapped as long as this lives.
    return unsafe words[index].load(ordering: .relaxed)
  }

  private func store(_ value: UInt32, at index: Int) {
    precondition(index < Self.firstBeat, "beyond the settings")
    // In bounds by the line above; the page is mapped as long as this lives.
    unsafe words[index].store(value, ordering: .releasing)
  }

  /// Two words at once; `index` is even.
  private func store64(_ value: UInt64, at index: Int) {
    precondition(index < Self.firstOwner && index % 2 == 0, "beyond the settings")
    // In bounds and aligned by the line above; an atomic integer lies like a plain one.
    unsafe UnsafeMutableRawPointer(words).advanced(by: 4 * index)
      .assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(value, ordering: .releasing)
  }
}

/// What is in force, in one word: `settings.rules` of bpf/steer.h.
struct SteeringWord: Hashable {
  let rawValue: UInt32

  /// The highest number.
  static let lastNumber: UInt32 = 0xFF_FFFF

  init(rawValue: UInt32) { self.rawValue = rawValue }

  /// - Parameter set: which of the sets to ask; nil for none.
  /// - Parameter number: one that no other set has had; its lowest 24 bits count.
  init(set: Int?, defaultAction: UInt32, number: UInt32) {
    let asks = set.map { UInt32($0) << 1 | 1 } ?? 0
    rawValue = asks | defaultAction << 4 | number << 8
  }

  var asksRules: Bool { rawValue & 1 != 0 }
  /// Whether every packet goes to a socket, without a rule that is asked.
  var isToSocket: Bool { rawValue & 0xFF == RuleTarget.Action.socket.rawValue << 4 }
  /// The set it asks, if it asks one.
  var set: Int { Int(rawValue >> 1) & (RuleCapacity.sets - 1) }
}
