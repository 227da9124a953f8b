import CXDP
import Glibc
import MartletTestKit
import Steering
import Testing
import XSK

/// What becomes of interfaces when processes end, with processes of their own.
@Suite(.enabled(if: sockets.isExpected, needsSockets))
struct ProcessTests {
  @Test func anotherProcessIsRefusedWithTheHolder() async throws {
    let namespace = try preparedNamespace()
    let holder = getpid()
    // Attached by a thread inside, held by a value that lives through the child.
    var program = try SteeringProgram()
    try namespace.run { _ = try program.attach(to: Interface(named: "near"), mode: .native) }
    await #expect(processExitsWith: .success) {
      [path = namespace.path as String, holder = holder as Int32] in
      try NetworkNamespace.join(path)
      let near = try Interface(named: "near")
      var second = try SteeringProgram()
      let error = refusal { () throws(XDPError) in try second.attach(to: near, mode: .native) }
      precondition(error?.reason.contains("process \(holder) already") == true, "\(error as Any)")
    }
    let found = try namespace.run { try programs(on: Interface(named: "near")) }
    #expect(found == [1, 0])
    extendLifetime(program)
  }

  @Test(arguments: [AttachMode.native, .generic])
  func killedAndStartedAgain(mode: AttachMode) async throws {
    let namespace = try preparedNamespace()
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [path = namespace.path as String, isNative = (mode == .native) as Bool] in
      try NetworkNamespace.join(path)
      var program = try SteeringProgram()
      try program.attach(to: Interface(named: "near"), mode: isNative ? .native : .generic)
      try program.setRules([Rule(.everything, .drop)])
      kill(getpid(), SIGKILL)
    }
    try namespace.run {
      var program = try SteeringProgram()
      try program.attach(to: Interface(named: "near"), mode: .native)
      #expect(try programs(on: Interface(named: "near")) == [1, 0])
    }
  }

  @Test func twentyTimesLeaveNothing() async throws {
    let namespace = try preparedNamespace()
    await #expect(processExitsWith: .success) { [path = namespace.path as String] in
      try NetworkNamespace.join(path)
      let near = try Interface(named: "near")
      let far = try Interface(named: "far")
      var before = 0
      for round in 0...20 {
        // The first round opens what a process opens once.
        if round == 1 { before = try openDescriptors() }
        var program = try SteeringProgram(acceptsFragments: round % 2 == 0)
        try program.attach(to: near, mode: .native)
        try program.attach(to: far, mode: .generic)
        try program.setRules([Rule(.arp, .drop)])
        try program.setRules([Rule(.icmp, .drop)])
        try program.setRules([])
        if round % 3 == 0 { program.detach(from: near) }
      }
      let after = try openDescriptors()
      precondition(after == before, "descriptors leaked")
      precondition(programs(on: near) == [0, 0] && programs(on: far) == [0, 0], "still attached")
    }
  }

  @Test func withoutCapabilitiesTheRefusalNamesThem() async throws {
    let namespace = try preparedNamespace()
    await #expect(processExitsWith: .success) { [path = namespace.path as String] in
      try NetworkNamespace.join(path)
      precondition(setgid(65_534) == 0 && setuid(65_534) == 0)
      let error = refusal { () throws(XDPError) in _ = try SteeringProgram() }
      precondition(error?.kind == .notPermitted, "\(error as Any)")
      precondition(error?.remedy.contains("CAP_BPF") == true, "\(error as Any)")
    }
  }
}

/// A namespace with a pair of interfaces, for children to enter.
func preparedNamespace() throws -> NetworkNamespace {
  let namespace = try NetworkNamespace()
  try namespace.run { _ = try VethPair("near", "far") }
  return namespace
}

/// How many files this process has open.
func openDescriptors() throws -> Int {
  // A stream of our own, closed before it could go stale.
  guard let folder = unsafe opendir("/proc/self/fd") else { return -1 }
  defer { unsafe closedir(folder) }
  var count = 0
  while unsafe readdir(folder) != nil { count += 1 }
  return count
}
