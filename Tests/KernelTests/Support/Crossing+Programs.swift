import Glibc
import MartletTestKit
import Testing

extension Crossing {
  /// Waits until an echo of the server's reaches the client.
  func waitForPassage() throws {
    let end = ContinuousClock.now + patience
    while ContinuousClock.now < end {
      if try client.run({ try ping(count: 1, timeout: 1) }) == 1 { return }
    }
    throw TestKitError("no echo passes between client and server")
  }

  /// Starts the example `forward` between the two hosts, and waits until packets pass.
  ///
  /// If the queues are busy for longer than it waits, it is started again: see `whileBusy`.
  func startForward() throws -> ChildProcess {
    let end = ContinuousClock.now + patience + patience + patience
    var forwarder = try ChildProcess([productPath("forward"), "left", "right"])
    while try client.run({ try ping(count: 1, timeout: 1) }) != 1 {
      let status = try forwarder.wait(timeout: .zero)
      guard ContinuousClock.now < end else {
        let output = String(decoding: forwarder.standardOutput, as: UTF8.self)
        throw TestKitError("no echo passes; forward (\(status.debugDescription)) says \(output)")
      }
      guard status != nil else { continue }
      let error = String(decoding: forwarder.standardError, as: UTF8.self)
      guard error.contains("holds the queue") else { throw TestKitError(error) }
      forwarder = try ChildProcess([productPath("forward"), "left", "right"])
    }
    return forwarder
  }

  /// Sends echo requests from the client as fast as they are answered, and counts the answers.
  func flood(count: Int) throws -> Int {
    try client.run { try ping(count: count, timeout: 5, flood: true) }
  }

  /// Sends `content` from client to server over TCP, as socat does, and answers with what came out.
  func transfer(_ content: [UInt8]) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try folder.write(content, to: "sent")
    let listener = try server.run {
      try ChildProcess([
        "socat", "-d", "-d", "-u", "TCP-LISTEN:5000,reuseaddr",
        "CREATE:\(folder.path)/received",
      ])
    }
    guard try listener.waitForOutput("listening on", timeout: patience) else {
      throw TestKitError("socat does not listen")
    }
    try client.run {
      _ = try runProgram(
        ["socat", "-u", "OPEN:\(folder.path)/sent", "TCP:\(Crossing.serverAddress):5000"],
        timeout: .seconds(60))
    }
    #expect(try listener.wait(timeout: .seconds(60)) == .exited(0))
    return try folder.read("received")
  }
}

/// Sends echo requests to the server and counts the answers.
///
/// Whatever its time-out, ping waits for the last of several answers for two round trips only;
/// those that come later the kernel counts, as long as nobody else in the namespace pings.
func ping(
  _ address: String = Crossing.serverAddress, count: Int, timeout: Int, flood: Bool = false
) throws -> Int {
  let before = try echoReplies()
  let child = try ChildProcess(
    ["ping", "-q", "-n", "-c", "\(count)", "-W", "\(timeout)"] + (flood ? ["-f"] : [])
      + [address])
  guard try child.wait(timeout: .seconds(100)) != nil else {
    throw TestKitError("ping does not end")
  }
  let words = String(decoding: child.standardOutput, as: UTF8.self).split(separator: " ")
  guard let place = words.firstIndex(of: "received,"), place > 0 else { return 0 }
  let received = Int(words[place - 1]) ?? 0
  // For the first it waits as long as it was told.
  if received >= count || received == 0 { return received }
  let end = ContinuousClock.now + .seconds(timeout)
  while ContinuousClock.now < end {
    let later = try echoReplies() - before
    if later >= count { return later }
    usleep(10_000)
  }
  return received
}

/// How many answers to pings have come to the calling thread's namespace.
private func echoReplies() throws -> Int {
  let lines = try runProgram(["sh", "-c", "cat /proc/net/snmp /proc/net/snmp6 || true"])
    .split(separator: "\n")
  let icmp = lines.filter { $0.hasPrefix("Icmp:") }.map { $0.split(separator: " ") }
  guard icmp.count == 2, let place = icmp[0].firstIndex(of: "InEchoReps") else { return 0 }
  let icmp6 = lines.first { $0.hasPrefix("Icmp6InEchoReplies") }
  return (Int(icmp[1][place]) ?? 0) + (icmp6?.split(separator: " ").last.flatMap { Int($0) } ?? 0)
}

/// Where a program that the package builds lies: next to the tests.
func productPath(_ name: String) throws -> String {
  var space = [UInt8](repeating: 0, count: 4096)
  // The kernel writes at most as many bytes as the array has.
  let count = unsafe readlink("/proc/self/exe", &space, space.count)
  guard count > 0 else { throw TestKitError("/proc/self/exe: \(errno)") }
  let path = String(decoding: space.prefix(count), as: UTF8.self)
  guard let slash = path.lastIndex(of: "/") else { throw TestKitError("no folder in \(path)") }
  return path[...slash] + name
}

extension TemporaryFolder {
  func write(_ content: [UInt8], to name: String) throws {
    // A C string, and an array that is only read, for the length of the calls.
    let file = unsafe creat("\(path)/\(name)", 0o600)
    guard file >= 0 else { throw TestKitError("\(path)/\(name): \(errno)") }
    defer { close(file) }
    var rest = content[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
      guard count > 0 else { throw TestKitError("\(path)/\(name): \(errno)") }
      rest = rest.dropFirst(count)
    }
  }

  func read(_ name: String) throws -> [UInt8] {
    // A C string for the length of the call; then the kernel writes at most the array's size.
    let file = unsafe open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw TestKitError("\(path)/\(name): \(errno)") }
    defer { close(file) }
    var content: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe Glibc.read(file, &part, part.count)
      guard count > 0 else { return content }
      content += part.prefix(count)
    }
  }
}
