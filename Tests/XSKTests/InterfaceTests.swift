import Expectations
import MartletTestKit
import Testing
import XSK

private let namespaces = KernelFeature.namespaces

@Suite(.enabled(if: namespaces.isExpected, Comment(rawValue: namespaces.reason)))
struct InterfaceTests {
  @Test("An interface of another namespace than /sys shows: queues, MTU, state, address, driver")
  func facts() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") {
        $0.queueCount = 3
        $0.mtu = 1400
      }
      try runProgram(["ip", "link", "set", "near", "address", "02:00:00:aa:bb:cc"])
      let near = try Interface(named: "near")
      #expect(near.name == "near")
      #expect(try near.queueCounts() == (3, 3))
      #expect(try near.mtu() == 1400)
      #expect(near.state() == .up)
      #expect(near.hardwareAddress == [2, 0, 0, 0xAA, 0xBB, 0xCC])
      #expect(near.driver() == "veth")
      try runProgram(["ip", "link", "set", "near", "down"])
      #expect(near.state() == .down)
      try runProgram(["ip", "link", "set", "near", "name", "renamed"])
      #expect(near.state() == .down)
      #expect(try near.queueCounts() == (3, 3))
    }
  }

  @Test("The queues in use count, not those the device was made with")
  func channels() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far") { $0.queueCount = 4 }
      try runProgram(["ethtool", "-L", "near", "rx", "2", "tx", "1"])
      #expect(try Interface(named: "near").queueCounts() == (2, 1))
    }
  }

  @Test("A driver that does not count its queues: rtnetlink does")
  func withoutChannels() async throws {
    try await withNetworkNamespace {
      let loopback = try Interface(named: "lo")
      #expect(try loopback.queueCounts() == (1, 1))
      #expect(loopback.hardwareAddress == nil)
      #expect(Interface.names() == ["lo"])
    }
  }

  @Test("A bridge with queues that were asked for: rtnetlink counts them")
  func countsFromNetlink() async throws {
    try await withNetworkNamespace {
      let made = ["numtxqueues", "5", "numrxqueues", "3"]
      try runProgram(["ip", "link", "add", "many"] + made + ["type", "bridge"])
      #expect(try Interface(named: "many").queueCounts() == (3, 5))
    }
  }

  @Test("The link monitor is readable when an interface comes, goes, or goes down")
  func monitor() async throws {
    try await withNetworkNamespace {
      let monitor = try LinkMonitor()
      var poller = Poller(capacity: 1)
      poller.add(monitor.fileDescriptor)
      expectEqual(poller.wait(timeout: .zero), 0)
      expect(!monitor.drain())
      _ = try VethPair("near", "far")
      expectEqual(poller.wait(timeout: .seconds(2)), 1)
      expect(monitor.drain())
      expect(!monitor.drain())
      for command in [["set", "near", "down"], ["delete", "near"]] {
        try runProgram(["ip", "link"] + command)
        expectEqual(poller.wait(timeout: .seconds(2)), 1)
        expect(monitor.drain())
      }
    }
  }

  @Test("Promiscuous mode lasts as long as the membership")
  func promiscuous() async throws {
    try await withNetworkNamespace {
      _ = try VethPair("near", "far")
      func isPromiscuous() throws -> Bool {
        try runProgram(["ip", "-d", "link", "show", "near"]).contains("promiscuity 1 ")
      }
      let membership = try PromiscuousMembership(Interface(named: "near"))
      #expect(try isPromiscuous())
      _ = consume membership
      // A program that another test starts this moment holds a copy of the socket until it runs.
      let end = ContinuousClock.now.advanced(by: .seconds(2))
      while try isPromiscuous(), ContinuousClock.now < end {}
      #expect(try !isPromiscuous())
    }
  }
}
