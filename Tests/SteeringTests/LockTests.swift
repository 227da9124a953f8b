import CXDP
import Glibc
import MartletTestKit
import Synchronization
import Testing

@testable import Steering
@testable import XSK

/// One process at a time has an interface: by the lock's file where that can be had.
@Suite(.enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct LockTests {
  @Test func aSecondOfThisProcessIsRefused() async throws {
    try await withNetworkNamespace {
      let first = try Taken()
      let second = refused()
      #expect(second?.kind == .foreignProgram)
      #expect(second?.reason == "this process itself already steers it")
      // The others are there to take, once each.
      for subject in [InterfaceLock.Subject.queues, .director] {
        let other = try Taken(subject)
        #expect(refused(subject)?.kind == .settingsHeld)
        #expect(refused(subject)?.reason == "this process itself already does")
        extendLifetime(other)
      }
      extendLifetime(first)
    }
  }

  @Test func anotherProcessIsRefused() async throws {
    let namespace = try NetworkNamespace()
    let first = try namespace.run { try Taken() }
    await #expect(processExitsWith: .success) {
      [path = namespace.path as String, holder = getpid() as Int32] in
      try NetworkNamespace.join(path)
      let error = refused()
      precondition(error?.reason == "process \(holder) already steers it", "\(error as Any)")
      // So are those who cannot have the file.
      let nameless = refused(folder: noFolder)
      precondition(nameless?.reason == error?.reason, "\(nameless as Any)")
    }
    extendLifetime(first)
  }

  @Test func theFileAloneKeepsOutAndNamesItsHolder() async throws {
    let namespace = try NetworkNamespace()
    let file = try namespace.run { try LockedFile(lockFileName()) }
    let own = try namespace.run { refused() }
    #expect(own?.reason == "this process itself already steers it")
    await #expect(processExitsWith: .success) {
      [path = namespace.path as String, holder = getpid() as Int32] in
      try NetworkNamespace.join(path)
      let error = refused()
      precondition(error?.reason == "process \(holder) already steers it", "\(error as Any)")
    }
    extendLifetime(file)
  }

  @Test func theFileGoesWithTheLock() async throws {
    try await withNetworkNamespace {
      let path = "\(SettingsRecord.standardFolder)/\(lockFileName())"
      do {
        let lock = try Taken()
        #expect(TextFile.read(path) == Holder.current.line + "\n")
        var status = stat()
        // A C string and a structure of our own.
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        extendLifetime(lock)
      }
      #expect(!isThere(path))
      #expect(refused() == nil)
    }
  }

  @Test func aKilledHolderHoldsNothing() async throws {
    let namespace = try NetworkNamespace()
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = namespace.path as String] in
      try NetworkNamespace.join(path)
      let lock = try Taken()
      kill(getpid(), SIGKILL)
      extendLifetime(lock)
    }
    try namespace.run {
      let path = "\(SettingsRecord.standardFolder)/\(lockFileName())"
      #expect(TextFile.read(path)?.hasPrefix("holder ") == true, "what it left")
      let lock = try Taken()
      #expect(TextFile.read(path) == Holder.current.line + "\n")
      extendLifetime(lock)
    }
  }

  /// A child that is being started has copies of all descriptors.
  @Test func aCopyOfTheFilesDescriptorKeepsNothing() throws {
    let folder = try TemporaryFolder()
    var file: LockedFile? = try LockedFile("a", folder.path)
    // A C string for the length of the call.
    let own = unsafe open("\(folder.path)/a", O_RDWR | O_CLOEXEC)
    defer { close(own) }
    let copy = try #require(copies { $0 != own && isSameFile($0, own) }.first)
    defer { close(copy) }
    #expect(flock(own, LOCK_EX | LOCK_NB) != 0)
    extendLifetime(file)
    file = nil
    #expect(flock(own, LOCK_EX | LOCK_NB) == 0)
  }

  @Test func aCopyOfTheNamesDescriptorIsNobody() async throws {
    try await withNetworkNamespace {
      let name = "martlet/test/copy"
      let copy: Int32
      do {
        let lock = try #require(try NamedSocket(name))
        copy = try #require(copies { address(of: $0).elementsEqual([1, 0, 0] + name.utf8) }.first)
        #expect(try LockName.find(name) == .itself)
        extendLifetime(lock)
      }
      #expect(try LockName.find(name) == .nobody)
      #expect(try NamedSocket(name) == nil)
      close(copy)
      // A child that another test is starting may have one for a moment.
      let end = ContinuousClock.now + .seconds(10)
      while try NamedSocket(name) == nil, ContinuousClock.now < end { usleep(1_000) }
      #expect(try NamedSocket(name) != nil)
    }
  }

  /// Whoever opened the file before its holder removed it would lock one that keeps nobody out.
  @Test func oneAtATimeHasTheFile() throws {
    let folder = try TemporaryFolder()
    let path = folder.path
    let census = Census()
    let threads = (0..<4).map { _ in
      TestThread {
        var count = 0
        while count < 500 {
          guard let file = try? LockedFile("a", path) else {
            sched_yield()
            continue
          }
          census.enter()
          sched_yield()
          census.leave()
          count += 1
          extendLifetime(file)
        }
      }
    }
    for thread in threads { try thread.join() }
    #expect(census.most.load(ordering: .relaxed) == 1)
    #expect(!isThere("\(path)/a"))
  }

  @Test func theFileOfTheNextIsLeftAlone() throws {
    let folder = try TemporaryFolder()
    var first: LockedFile? = try LockedFile("a", folder.path)
    // A C string for the length of the call.
    #expect(unsafe unlink("\(folder.path)/a") == 0)
    extendLifetime(first)
    let next = try LockedFile("a", folder.path)
    first = nil
    #expect(isThere("\(folder.path)/a"))
    extendLifetime(next)
  }
}

/// Whether the calling thread is refused the lock of its loopback interface, and why.
func refused(
  _ subject: InterfaceLock.Subject = .steering, folder: String = SettingsRecord.standardFolder
) -> XDPError? {
  do throws(XDPError) {
    let lock = try InterfaceLock(of: Interface(named: "lo"), for: subject, folder: folder)
    _ = consume lock
    return nil
  } catch {
    return error
  }
}

/// A folder that nobody can make.
let noFolder = "/sys/martlet"

/// The name of the lock's file for the loopback interface of the calling thread's namespace.
private func lockFileName() -> String { "lock-steering-\(SettingsRecord.namespace())-1" }

/// The lock of the calling thread's loopback interface.
final class Taken {
  let lock: InterfaceLock

  init(
    _ subject: InterfaceLock.Subject = .steering, folder: String = SettingsRecord.standardFolder
  ) throws {
    lock = try InterfaceLock(of: Interface(named: "lo"), for: subject, folder: folder)
  }
}

private final class LockedFile {
  let file: LockFile

  /// Throws if somebody has it.
  init(_ name: String, _ folder: String = SettingsRecord.standardFolder) throws {
    switch try LockFile.take(name, in: folder, "test") {
    case .taken(let file): self.file = file
    case .held(let holder): throw TestKitError("held by \(holder ?? "somebody")")
    }
  }
}

private final class NamedSocket {
  let name: LockName

  init?(_ name: String) throws {
    guard let taken = try LockName(name) else { return nil }
    self.name = taken
  }
}

/// How many threads are inside, and were at most.
private final class Census: Sendable {
  let most = Atomic(0)
  private let now = Atomic(0)

  func enter() {
    let count = now.add(1, ordering: .relaxed).newValue
    _ = most.max(count, ordering: .relaxed)
  }

  func leave() { now.subtract(1, ordering: .relaxed) }
}

private func isThere(_ path: String) -> Bool {
  // A C string for the length of the call.
  unsafe access(path, F_OK) == 0
}

/// Copies of this process's descriptors of a kind.
private func copies(_ isWanted: (Int32) -> Bool) -> [Int32] {
  (0..<1024).filter(isWanted).map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
}

private func isSameFile(_ one: Int32, _ other: Int32) -> Bool {
  var first = stat()
  var second = stat()
  // Structures of our own.
  guard unsafe fstat(one, &first) == 0, unsafe fstat(other, &second) == 0 else { return false }
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino
}

/// The bytes of a socket's name, none if it has none.
private func address(of descriptor: Int32) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: 128)
  var size = socklen_t(128)
  // The kernel writes at most as many bytes as the array has.
  let result = unsafe bytes.withUnsafeMutableBytes {
    unsafe getsockname(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
  }
  return result == 0 ? Array(bytes.prefix(Int(size))) : []
}
