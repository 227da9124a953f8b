import Expectations
import MartletTestKit
import Testing

@testable import Martlet

/// A tenant's packets and slots, where the port or its kernel has no hurry.
@Suite struct TenantRoomTests {
  private func lease(_ bench: inout ExportBench) throws -> TenantTests.Tenant {
    let pair = try connection()
    _ = try bench.engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near),
      ExportTerms(forwardPort: bench.outPort))
    return TenantTests.Tenant(try FlowWriter(connectedTo: pair.far))
  }

  @Test("What a tenant submits beyond the room of the transmit ring goes out later")
  func moreThanTheRing() throws {
    var bench = try ExportBench { $0.groups[3].arena = 256 << 10 }
    let tenant = try lease(&bench)
    #expect(tenant.writer.slotCount == 128)
    for number in 0..<128 { expect(tenant.submit(packet(number))) }
    tenant.writer.flush()
    var sent: [[UInt8]] = []
    for _ in 0..<10 {
      expect(try bench.engine.wait(timeout: .zero))
      sent += bench.kernels[2].transmitAll()
    }
    #expect(sent == packets(0..<128))
    expectEqual(bench.engine.report(of: bench.outPort).dropped.transmitFull, 0)
    bench.check()
  }

  @Test("An engine sleeps while a tenant's packets wait for room, and hears of further ones")
  func sleepsWithoutRoom() throws {
    var bench = try ExportBench { $0.groups[3].arena = 256 << 10 }
    let tenant = try lease(&bench)
    for number in 0..<100 { expect(tenant.submit(packet(number))) }
    tenant.writer.flush()
    expect(try bench.engine.wait(timeout: .zero))
    expect(bench.engine.sendRoom(of: bench.outPort) == 0)
    var turns = 0
    let end = ContinuousClock.now + .milliseconds(100)
    while ContinuousClock.now < end {
      expect(try bench.engine.wait(timeout: .seconds(5)))
      turns += 1
    }
    #expect(turns < 150)
    for number in 100..<128 { expect(tenant.submit(packet(number))) }
    tenant.writer.flush()
    expect(!bench.engine.sleepExports())
    var sent: [[UInt8]] = []
    for _ in 0..<10 {
      sent += bench.kernels[2].transmitAll()
      expect(try bench.engine.wait(timeout: .zero))
    }
    #expect(sent == packets(0..<128))
    bench.check()
  }

  @Test("What a tenant submits for an interface that is gone is dropped, counted, and comes back")
  func portGone() throws {
    var bench = try ExportBench()
    let tenant = try lease(&bench)
    let port = bench.outPort
    bench.engine.bringHome(port.index)
    for round in 1...3 {
      for number in 0..<16 { expect(tenant.submit(packet(number))) }
      tenant.writer.flush()
      expect(try bench.engine.wait(timeout: .zero))
      expectEqual(bench.engine.report(of: port).dropped.interfaceGone, UInt64(16 * round))
    }
    bench.check()
  }

  @Test("Packets that are delivered to a tenant are dropped and counted, and its own are sent")
  func delivery() throws {
    var bench = try ExportBench()
    let pair = try connection()
    let lease = try bench.engine.lease(
      ExportBench.tenant, to: PeerSocket(pair.near), ExportTerms(forwardPort: bench.outPort))
    let tenant = TenantTests.Tenant(try FlowWriter(connectedTo: pair.far))
    expect(tenant.submit(packet(1)))
    tenant.writer.flush()
    for number in 0..<3 { expect(bench.kernels[0].deliver(packet(number))) }
    expectEqual(bench.engine.deliver(from: bench.flowPort, to: lease), 3)
    expect(try bench.engine.wait(timeout: .zero))
    #expect(bench.kernels[2].transmitAll() == [packet(1)])
    let answer = bench.engine.report(of: lease)
    let report = try #require(answer)
    #expect(report.stalled == 3 && report.refused == 0 && report.packets == 1)
    bench.check()
  }

  @Test("An engine that sleeps looks every millisecond whether slots have come home")
  func slotsComeHome() throws {
    var bench = try ExportBench()
    let tenant = try lease(&bench)
    for number in 0..<16 { expect(tenant.submit(packet(number))) }
    tenant.writer.flush()
    bench.kernels[2].faults.holdsCompletions = true
    expect(try bench.engine.wait(timeout: .zero))
    #expect(bench.kernels[2].transmitAll().count == 16)
    expect(try bench.engine.wait(timeout: .zero))
    let start = ContinuousClock.now
    expect(try bench.engine.wait(timeout: .seconds(5)))
    #expect(ContinuousClock.now - start < .seconds(4))
    bench.kernels[2].releaseCompletions()
    expect(try bench.engine.wait(timeout: .zero))
    #expect(tenant.steal().count == 16)
    bench.check()
  }
}
