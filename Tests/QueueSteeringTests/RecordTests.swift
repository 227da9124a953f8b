import CXDP
import Glibc
import MartletTestKit
import Testing

@testable import Steering
@testable import XSK

/// What stands in a record, and what a record must not be believed.
@Suite struct RecordTests {
  @Test func stateBecomesLinesAndBack() throws {
    var state = QueueState()
    #expect(QueueState(lines: []) == state && state.isEmpty)
    state.hash = try MemoryNIC().hashSettings()
    #expect(QueueState(lines: state.lines) == state)
    state.hash?.key = []
    state.filtersWereOff = true
    state.filtersBefore = [3, 4_000_000_000]
    state.filters = [try #require(NtupleFilter(flow(1), queue: 2))]
    #expect(QueueState(lines: state.lines) == state && !state.isEmpty)
  }

  @Test func linesThatAreNotUnderstood() throws {
    var state = QueueState()
    state.hash = try MemoryNIC().hashSettings()
    state.filters = [try #require(NtupleFilter(flow(1), queue: 2))]
    for (index, line) in state.lines.enumerated() {
      for broken in ["", "nonsense", line + " 1", line + "x", line.replacing(" ", with: "  ")] {
        var lines = state.lines
        lines[index] = broken
        #expect(QueueState(lines: lines) == nil, "\(broken)")
      }
    }
    #expect(QueueState(lines: ["queues 4"]) == nil)
    #expect(QueueState(lines: ["queues 0", "key -", "table 0"]) == nil)
    #expect(QueueState(lines: ["queues 1", "key -", "table 0,-1"]) == nil)
    #expect(QueueState(lines: ["filter 00"]) == nil)
  }

  @Test func writtenReadReplacedAndRemoved() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    do {
      let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
      #expect(record.left == nil && record.ignored == nil)
      try record.write(["one", ""])
      try record.write(["two words", "three"])
      #expect(folder.names() == [record.path.split(separator: "/").last.map(String.init)])
    }
    // This very process left it: it gave up before all was restored.
    let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    #expect(record.left == ["two words", "three"])
    let other = try SettingsRecord(of: loopback, purpose: "other", folder: folder.path)
    #expect(other.left == nil && other.ignored == nil)
    var status = stat()
    // A C string and a structure of our own.
    #expect(unsafe stat(record.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    record.remove()
    record.remove()
    #expect(folder.names() == [])
  }

  /// Whoever may not change the settings takes nothing away from who may restore them.
  @Test func whatIsWithdrawnLeavesWhatWasThere() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    func record() throws -> SettingsRecord {
      try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    }
    let first = try record()
    try first.write(["before"])
    try take(first, by: 1, since: "1", in: folder)
    let second = try record()
    try second.write(["another"])
    try second.write(["and another"])
    second.withdraw()
    let third = try record()
    #expect(third.left == ["before"])
    let isOwn = third.isOwn
    #expect(!isOwn)
    first.remove()
    let fourth = try record()
    try fourth.write(["new"])
    fourth.withdraw()
    #expect(folder.names() == [])
  }

  /// Makes a record another process's.
  private func take(
    _ record: borrowing SettingsRecord, by process: Int32, since start: String,
    in folder: TemporaryFolder
  ) throws {
    var lines = try #require(TextFile.read(record.path)).split(separator: "\n").map(String.init)
    lines.removeLast()
    lines[5] = "holder \(process) \(start)"
    lines.append("sum \(RecordFile.checksum(lines))")
    folder.write(record.path, [UInt8]((lines.joined(separator: "\n") + "\n").utf8))
  }

  @Test func whatIsNotBelieved() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    try record.write(["table 0,1,2,3", "key 00"])
    let good = try #require(TextFile.read(record.path))
    func found() throws -> (left: [String]?, ignored: String?) {
      let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
      return (record.left, record.ignored)
    }
    #expect(try found().left != nil)
    // Cut off anywhere, and with any byte changed.
    for count in 0..<good.utf8.count {
      folder.write(record.path, [UInt8](good.utf8.prefix(count)))
      #expect(try found().left == nil, "\(count)")
      var changed = [UInt8](good.utf8)
      changed[count] ^= 0x11
      folder.write(record.path, changed)
      #expect(try found().left == nil, "\(count)")
    }
    #expect(try found().ignored?.contains("not whole") == true)
    var random = SeededGenerator(seed: 5)
    for _ in 0..<200 {
      let garbage = (0..<Int.random(in: 1...300, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      folder.write(record.path, garbage)
      #expect(try found().left == nil)
    }
    folder.write(record.path, [UInt8](repeating: 10, count: 1 << 20 + 1))
    #expect(try found().ignored?.contains("bytes") == true)
    // A later write makes it good again.
    try record.write(["a"])
    #expect(try found().left == ["a"])
  }

  @Test func otherKindsOfFiles() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    func ignored() throws -> String? {
      try SettingsRecord(of: loopback, purpose: "test", folder: folder.path).ignored
    }
    // C strings for the length of each call.
    #expect(unsafe symlink("/etc/passwd", record.path) == 0)
    #expect(try ignored()?.contains("cannot be opened") == true)
    record.remove()
    #expect(unsafe mkfifo(record.path, 0o600) == 0)
    #expect(try ignored() == "it is not a file")
    record.remove()
    try record.write(["a"])
    #expect(unsafe chmod(record.path, 0o644) == 0)
    #expect(try ignored()?.contains("others may open") == true)
    guard geteuid() == 0 else { return }
    #expect(unsafe chmod(record.path, 0o600) == 0 && chown(record.path, 65_534, 0) == 0)
    #expect(try ignored()?.contains("not this user's") == true)
  }

  @Test func ofAnotherBootOrInterface() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    try record.write(["a"])
    let lines = try #require(TextFile.read(record.path)).split(separator: "\n").map(String.init)
    for index in 0..<6 {
      var other = lines.dropLast()
      other[index] += "1"
      // A process that there is not.
      if index == 5 { other[index] = "holder 0 1" }
      other.append("sum \(RecordFile.checksum(Array(other)))")
      folder.write(record.path, [UInt8]((other.joined(separator: "\n") + "\n").utf8))
      let found = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
      #expect(found.left == nil && found.ignored?.contains("of another boot") == true)
    }
  }

  @Test func aLivingHolderIsRespected() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    let record = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    try record.write(["a"])
    let child = try ChildProcess(["sleep", "20"])
    let text = try #require(TextFile.read("/proc/\(child.identifier)/stat"))
    let start = text.split(separator: " ")[21]
    try take(record, by: child.identifier, since: String(start), in: folder)
    let error = refusal { () throws(XDPError) in
      _ = try SettingsRecord(of: loopback, purpose: "test", folder: folder.path)
    }
    #expect(error?.kind == .settingsHeld)
    #expect(error?.reason.contains("process \(child.identifier)") == true)
    // A later process with the same number is another one.
    try take(record, by: child.identifier, since: "1", in: folder)
    #expect(
      try SettingsRecord(of: loopback, purpose: "test", folder: folder.path).left == ["a"])
    try take(record, by: child.identifier, since: String(start), in: folder)
    child.signal(SIGKILL)
    _ = try child.wait(timeout: .seconds(10))
    #expect(
      try SettingsRecord(of: loopback, purpose: "test", folder: folder.path).left == ["a"])
  }

  @Test func foldersOfOthersAreRefused() throws {
    let folder = try TemporaryFolder()
    let loopback = try Interface(named: "lo")
    func error(_ path: String) -> XDPError? {
      refusal { () throws(XDPError) in
        _ = try SettingsRecord(of: loopback, purpose: "test", folder: path)
      }
    }
    // C strings for the length of each call.
    #expect(unsafe chmod(folder.path, 0o777) == 0)
    #expect(error(folder.path)?.reason.contains("others may write") == true)
    #expect(unsafe chmod(folder.path, 0o700) == 0)
    #expect(error("\(folder.path)/a/b")?.reason.contains("cannot be made") == true)
    #expect(unsafe symlink("/tmp", "\(folder.path)/link") == 0)
    #expect(error("\(folder.path)/link")?.reason.contains("cannot be opened") == true)
    #expect(error("\(folder.path)/new") == nil)
  }
}

extension TemporaryFolder {
  /// What is in it, hidden files too.
  func names() -> [String?] {
    let listing = (try? runProgram(["ls", "-A", path])) ?? "?"
    return listing.split(separator: "\n").map(String.init)
  }

  func write(_ path: String, _ bytes: [UInt8]) {
    // A C string, and as many bytes as the array has.
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    precondition(unsafe Glibc.write(file, bytes, bytes.count) == bytes.count)
    close(file)
  }
}
