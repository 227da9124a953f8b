import Glibc
import MartletTestKit
import Testing

private let namespaces = KernelFeature.namespaces

@Suite(
  .enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)),
  .timeLimit(.minutes(1)))
struct NamespaceTests {
  @Test("Frames cross a fresh pair at once, in order and alone, tags and all", arguments: 1...8)
  func framesCross(_ number: UInt8) async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("left", "right") { $0.queueCount = 2 }
      let left = try PacketTap(pair.near)
      let right = try PacketTap(pair.far)
      var builder = PacketBuilder()
      builder.vlanTags = [[], [5], [0xE005, 7]][Int(number % 3)]
      let frames = (0..<100).map { builder.udp(payload: [number, $0]) }
      try left.send(frames)
      #expect(try right.receive(101, timeout: .milliseconds(50)) == frames)
      #expect(try left.receive(timeout: .zero) == nil)
      #expect(try right.dropCount() == 0)
    }
  }

  @Test("A tap sees its EtherType only, and takes out what the test does not want")
  func filters() async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("left", "right")
      let sender = try PacketTap(pair.near)
      let arp = try PacketTap(pair.far, etherType: 0x0806)
      let all = try PacketTap(pair.far)
      let builder = PacketBuilder()
      try sender.send([builder.udp(), builder.arpRequest(), builder.tcp()])
      #expect(try arp.receive(2, timeout: .milliseconds(50)) == [builder.arpRequest()])
      let tcp = try all.receive(1, timeout: .seconds(1)) { $0 == builder.tcp() }
      #expect(tcp == [builder.tcp()])
    }
  }

  @Test("A tap's queue holds 20,000 packets")
  func largeQueue() async throws {
    try await withNetworkNamespace {
      let pair = try VethPair("left", "right")
      let sender = try PacketTap(pair.near)
      let receiver = try PacketTap(pair.far)
      let frame = PacketBuilder().udp(payload: [UInt8](repeating: 7, count: 200))
      for _ in 0..<20_000 { try sender.send(frame) }
      #expect(try receiver.receive(20_000, timeout: .seconds(5)).count == 20_000)
      #expect(try receiver.dropCount() == 0)
    }
  }

  @Test("An end moves to another namespace, and ping crosses between the two")
  func twoNamespaces() async throws {
    try await withNetworkNamespace {
      let other = try NetworkNamespace()
      let pair = try VethPair("left", "right") {
        $0.farNamespace = other
        $0.nearAddress = "10.0.0.1/24"
        $0.farAddress = "10.0.0.2/24"
      }
      let here = try runProgram(["ip", "-o", "link"])
      let there = try other.run { try runProgram(["ip", "-o", "link"]) }
      #expect(here.contains(pair.near) && !here.contains(pair.far + "@"))
      #expect(there.contains(pair.far) && !there.contains(pair.near + "@"))
      let tap = try other.run { try PacketTap(pair.far, etherType: 0x0806) }
      try runProgram(["ping", "-c", "1", "-W", "5", "10.0.0.2"])
      try other.run { try runProgram(["ping", "-c", "1", "-W", "5", "10.0.0.1"]) }
      #expect(try tap.receive(timeout: .zero) != nil, "no ARP request crossed")
    }
  }

  @Test("The thread is home again when the caller goes on, also after an error")
  func home() async throws {
    let before = namespaceName("/proc/self/ns/net")
    await #expect(throws: TestKitError("as expected")) {
      try await withNetworkNamespace {
        #expect(namespaceName("/proc/thread-self/ns/net") != before)
        throw TestKitError("as expected")
      }
    }
    #expect(namespaceName("/proc/thread-self/ns/net") == before)
    let namespace = try NetworkNamespace()
    #expect(namespaceName("/proc/thread-self/ns/net") == before)
    let inside = try namespace.run { namespaceName("/proc/thread-self/ns/net") }
    #expect(inside != before)
    #expect(namespaceName(namespace.path) == inside)
    #expect(namespaceName("/proc/thread-self/ns/net") == before)
  }

  @Test("Threads and programs start in the namespace of their maker")
  func inheritance() async throws {
    try await withNetworkNamespace {
      let here = namespaceName("/proc/thread-self/ns/net")
      let thread = try TestThread { namespaceName("/proc/thread-self/ns/net") }.join()
      let program = try runProgram(["readlink", "/proc/self/ns/net"])
      #expect(thread == here)
      #expect(program == here + "\n")
    }
  }

  @Test("IPv6 is off unless asked for", arguments: [false, true])
  func ipv6(_ isOn: Bool) async throws {
    try await withNetworkNamespace(ipv6: isOn) {
      let pair = try VethPair("left", "right")
      let addresses = try runProgram(["ip", "-6", "address", "show", "dev", pair.near])
      #expect(addresses.contains("fe80::") == isOn)
    }
  }
}

/// Such as "net:[4026531833]".
private func namespaceName(_ path: String) -> String {
  var target = [CChar](repeating: 0, count: 64)
  // The kernel writes at most the array's size.
  let count = unsafe readlink(path, &target, target.count)
  return String(decoding: target.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}
