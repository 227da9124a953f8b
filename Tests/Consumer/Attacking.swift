import CXDP
import Glibc
import Martlet

/// What an engine gave, taken apart.
struct Loot: ~Copyable {
  let files: [Int32]
  let ringSize: UInt32
  let socket: PeerSocket

  init(_ path: String) throws(XDPError) {
    let socket = try PeerSocket(connectedTo: path)
    let (words, files) = try socket.unpack(wordCount: 6, timeout: .seconds(10))
    guard words.count == 6, files.count == 2 else { fail("that was no shipment") }
    self.socket = socket
    self.files = files
    ringSize = UInt32(words[2])
  }

  /// A view of the arena.
  func arena() throws(XDPError) -> ArenaView {
    try ArenaView(ReceivedDescriptor(dup(files[0])), isWritable: false)
  }
}

/// Looks for a text in every byte that it can see, again and again, until the engine hangs up.
func scan(_ path: String, _ text: String) throws(XDPError) {
  let loot = try Loot(path)
  let arena = try loot.arena()
  say("ready")
  var found = 0
  var scans = 0
  while loot.socket.takeWakes(16) != nil {
    if contains(arena, Array(text.utf8)) { found += 1 }
    scans += 1
  }
  say("found=\(found) scans=\(scans) bytes=\(arena.byteCount)")
}

private func contains(_ arena: borrowing ArenaView, _ text: [UInt8]) -> Bool {
  let span = arena.span(at: 0, count: arena.byteCount)
  // The whole arena, mapped for as long as it is borrowed.
  return unsafe span.withUnsafeBytes { bytes in
    var rest = unsafe bytes[...]
    while let place = unsafe rest.firstIndex(of: text[0]) {
      unsafe rest = rest[(place + 1)...]
      if unsafe bytes[place...].starts(with: text) { return true }
    }
    return false
  }
}

/// Tries to write the arena and to change both files; then writes nonsense all over the channel and
/// keeps waking the engine, until that hangs up.
func attack(_ path: String, _ seed: UInt64) throws(XDPError) {
  let loot = try Loot(path)
  let allowed = attackFiles(loot.files)
  let memory = try ChannelMemory(of: ReceivedDescriptor(dup(loot.files[1])), size: loot.ringSize)
  say("ready")
  var state = seed
  var rounds = 0
  while loot.socket.takeWakes(16) != nil {
    rounds += 1
    for _ in 0..<20 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let random = Int(state >> 33)
      // Half of it cursors, half of it entries; small numbers do more harm than large ones.
      let offset = random & 1 == 0 ? random >> 1 % 6 * 128 : 4096 + (random >> 1) % 256 * 4
      let mask: UInt32 = random & 2 == 0 ? 0xFF : .max
      memory.scribble(UInt32(truncatingIfNeeded: state >> 20) & mask, at: offset)
    }
    if seed % 2 == 1 { loot.socket.wake() }
    usleep(100)
  }
  say("allowed=\(allowed) rounds=\(rounds)")
}

/// How many of the things that must not be possible are.
private func attackFiles(_ files: [Int32]) -> Int {
  var allowed = 0
  for (number, file) in files.enumerated() {
    for size in [0, 4096, 1 << 30] where ftruncate(file, size) == 0 { allowed += 1 }
    // F_ADD_SEALS of F_SEAL_WRITE.
    if fcntl(file, 1033, 8) == 0 { allowed += 1 }
    guard number == 0 else { continue }
    if unsafe pwrite(file, "x", 1, 0) == 1 { allowed += 1 }
    if cxdp_fallocate(file, 3, 0, 4096) == 0 { allowed += 1 }
    for path in ["/proc/self/fd/\(file)"] {
      // Opened anew, to write.
      let again = unsafe open(path, O_RDWR)
      if again >= 0, isMappable(again) { allowed += 1 }
      if again >= 0, unsafe pwrite(again, "x", 1, 0) == 1 { allowed += 1 }
    }
    if isMappable(file) { allowed += 1 }
  }
  return allowed
}

private func isMappable(_ file: Int32) -> Bool {
  let start = unsafe mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
  return unsafe start != MAP_FAILED
}
