import Glibc
import Martlet
import SystemPackage

/// A process that reads one group's packets in place, without any privilege.
struct Consumer {
  let plan: GroupPlan
  let others: [GroupPlan]
  let path: String
  let foreignPaths: [String]

  /// Gives up what it may, tries what it must not, then checks packets until the engine ends it.
  func run(under parent: consuming PeerSocket) throws(XDPError) {
    try Privileges.giveUp()
    var progress = Progress()
    progress.user = UInt64(geteuid())
    let view = try attempt(&progress)
    var reader = try FlowReader(connectedTo: path)
    try parent.ship(progress.words, [])
    var shipped: UInt64 = 1
    var next = ContinuousClock.now
    while reader.wait(gathering: 384, for: .milliseconds(25)) {
      reader.forEach { judge($0, &progress) }
      let now = ContinuousClock.now
      guard now >= next else { continue }
      next = now + .milliseconds(50)
      shipped += 1
      progress.calls = reader.systemCallCount + shipped
      try parent.ship(progress.words, [])
    }
    progress.calls = reader.systemCallCount + shipped
    lookForStrangers(in: view, &progress)
    try parent.ship(progress.words, [])
  }

  /// A verdict that says what was found: forward what is as it was sent.
  private func judge(_ frame: RawSpan, _ progress: inout Progress) -> FlowVerdict {
    switch plan.find(frame) {
    case .own:
      progress.verified += 1
      return .forward
    case .corrupt: progress.corrupt += 1
    case .outside: progress.outside += 1
    }
    return .drop
  }

  /// Tries to write its pages and to reach others'; answers with a view of what it was given.
  private func attempt(_ progress: inout Progress) throws(XDPError) -> ArenaView {
    let socket = try PeerSocket(connectedTo: path)
    let (_, files) = try socket.unpack(wordCount: 6, timeout: .seconds(10))
    guard let arena = files.first else {
      throw XDPError(
        .system, operation: "look at the pages", reason: "the engine gave none",
        remedy: "look at the engine")
    }
    for allowed in writeAttempts(on: FileDescriptor(rawValue: arena)) {
      progress.writeAttempts += 1
      if allowed { progress.writable += 1 }
    }
    for allowed in foreignAttempts() {
      progress.foreignAttempts += 1
      if allowed { progress.foreign += 1 }
    }
    for file in files.dropFirst() { try? FileDescriptor(rawValue: file).close() }
    return try ArenaView(ReceivedDescriptor(arena), isWritable: false)
  }

  private func writeAttempts(on arena: FileDescriptor) -> [Bool] {
    [
      isMappable(try? arena.duplicate()),
      isMappable(try? .open(FilePath("/proc/self/fd/\(arena.rawValue)"), .readWrite)),
      succeeds { try arena.resize(to: 0) },
      succeeds { try arena.resize(to: 1 << 30) },
      succeeds { _ = try arena.writeAll(toAbsoluteOffset: 0, [0]) },
    ]
  }

  /// Whether a file can be mapped to be written.
  private func isMappable(_ file: FileDescriptor?) -> Bool {
    guard let file else { return false }
    do throws(XDPError) {
      _ = try ArenaView(ReceivedDescriptor(file.rawValue), isWritable: true)
      return true
    } catch {
      return false
    }
  }

  private func foreignAttempts() -> [Bool] {
    let engine = "/proc/\(getppid())"
    var attempts = ([engine + "/mem"] + (0..<64).map { "\(engine)/fd/\($0)" }).map { path in
      succeeds { try FileDescriptor.open(FilePath(path), .readOnly).close() }
    }
    for path in foreignPaths {
      attempts.append(isGiven(by: path))
    }
    return attempts
  }

  /// Whether the socket for another group's consumer gives this one anything.
  private func isGiven(by path: String) -> Bool {
    do throws(XDPError) {
      let socket = try PeerSocket(connectedTo: path)
      return try !socket.unpack(wordCount: 6, timeout: .seconds(5)).descriptors.isEmpty
    } catch {
      return false
    }
  }

  private func succeeds(_ body: () throws -> Void) -> Bool { (try? body()) != nil }

  /// Looks for other groups' markers in every byte that it can see.
  private func lookForStrangers(in view: borrowing ArenaView, _ progress: inout Progress) {
    let bytes = view.span(at: 0, count: view.byteCount)
    let markers = others.flatMap { $0.flows.map(\.marker) }
    progress.foreignAttempts += 1
    for place in 0...bytes.byteCount - 8 {
      let word = bytes.word(at: place)
      guard word != 0, markers.contains(where: { $0.isTurn(word) }) else { continue }
      progress.foreign += 1
      return
    }
  }
}
