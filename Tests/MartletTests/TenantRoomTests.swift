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
