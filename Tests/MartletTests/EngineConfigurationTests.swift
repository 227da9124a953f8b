import Expectations
import MartletTestKit
import Testing

@testable import Martlet

@Suite struct EngineConfigurationTests {
  /// What an engine says to a configuration over memory of its size, or of `memory` bytes.
  private func refusal(
    memory: Int? = nil, _ change: (inout Engine.Configuration) -> Void
  ) -> XDPError? {
    var configuration = Engine.Configuration()
    configuration.memory = 1 << 20
    change(&configuration)
    let bytes = SimulatedMemory(byteCount: memory ?? max(configuration.memory, 4096))
    do throws(XDPError) {
      _ = try Engine(configuration, memory: bytes.packetMemory())
      return nil
    } catch {
      expectEqual(error.kind, .configuration)
      expect(!error.description.contains("\n"))
      return error
    }
  }

  private func expectRefusal(
    of words: String, _ remedy: String, at location: SourceLocation = #_sourceLocation,
    _ change: (inout Engine.Configuration) -> Void
  ) {
    let error = refusal(change)
    #expect(error?.reason.contains(words) == true, "\(error as Any)", sourceLocation: location)
    #expect(error?.remedy.contains(remedy) == true, "\(error as Any)", sourceLocation: location)
  }

  @Test("The defaults are possible, and so are the extremes")
  func possible() {
    expect(refusal { _ in } == nil)
    expect(refusal { $0.chunkSize = 4096 } == nil)
    expect(refusal { $0.burst = 1 } == nil)
    expect(refusal { $0.burst = $0.ringSize } == nil)
    expect(refusal { $0.fillDepth = 1 } == nil)
    expect(refusal { $0.fillDepth = 512 } == nil)
    expect(refusal { $0.headroom = 2048 - 704 } == nil)
    expect(
      refusal {
        $0.ringSize = 1
        $0.burst = 1
      } == nil)
    expect(
      refusal {
        $0.memory = 4096
        $0.fillDepth = 1
      } == nil)
  }

  @Test("A wire's bursts are as long as a kick sends, where most of the fill ring stays full")
  func bursts() throws {
    var wire = Engine.Configuration.transparent
    let depths: [UInt32] = [1536, 1530, 768, 384, 1]
    expectEqual(depths.map { wire.burst(at: $0) }, [256, 255, 128, 64, 64])
    expectEqual(Engine.Configuration().burst(at: 1536), 64)
    wire.ringSize = 32
    expectEqual(wire.burst(at: 1536), 32)
    wire.burst = 7
    expectEqual(wire.burst(at: 1), 7)
  }

  @Test("Ports that share the memory with further ones have shorter bursts")
  func sharedBursts() throws {
    let configuration = Engine.Configuration.transparent
    let memory = SimulatedMemory(byteCount: configuration.memory)
    var engine = try Engine(configuration, memory: memory.packetMemory())
    let rings = (0..<4).map { _ in MemoryRings(.init(all: 2048)) }
    for (index, burst) in ([256, 256, 170, 128] as [UInt32]).enumerated() {
      _ = engine.bind(inMemory: rings[index].takeApplicationEnds())
      expectEqual(engine.ports.indices.map { engine.ports[$0].burst }.min(), burst)
    }
  }

  @Test("Impossible configurations say what is possible")
  func impossible() {
    expectRefusal(of: "a burst of 0 packets", "1 to the ring size, 2048") { $0.burst = 0 }
    expectRefusal(of: "a burst of 2049 packets", "1 to the ring size, 2048") { $0.burst = 2049 }
    expectRefusal(of: "a fill depth of 0", "1 to 512") { $0.fillDepth = 0 }
    expectRefusal(of: "a fill depth of 513", "1 to 512") { $0.fillDepth = 513 }
    expectRefusal(of: "a fill depth of 65", "1 to 64") {
      $0.fillDepth = 65
      $0.ringSize = 64
    }
    expectRefusal(of: "chunks of 3000 bytes", "2048 or 4096") { $0.chunkSize = 3000 }
    expectRefusal(of: "headroom of 1345 bytes", "0 to 1344") { $0.headroom = 1345 }
    expectRefusal(of: "ring of 1000 entries", "power of two") { $0.ringSize = 1000 }
    expectRefusal(of: "1000 bytes of memory", "at least one chunk") { $0.memory = 1000 }
    expectRefusal(of: "reserve and guarantees take 1048577 bytes of 1048576", "change") {
      $0.reserve = 1 << 20 | 1
    }
    expectRefusal(of: "0 flow groups", "change") { $0.groups = [] }
    expectRefusal(of: "group 1 is exportable and there is no arena for it", "change") {
      $0.groups = [.init(), .init(isExportable: true)]
    }
    let error = refusal(memory: 1 << 19) { _ in }
    expectEqual(error?.reason, "the memory has 524288 bytes, not 1048576")
  }

  @Test("Arenas that no memory can have are refused, whatever the size of a node")
  func impossibleArenas() {
    for order in [60, 64, 4, -1, -13] {
      expectRefusal(of: "nodes of 2^\(order) pages", "0 to 3, or 9") {
        $0.nodeOrder = order
        $0.groups = [.init(), .init(arena: 1 << 20)]
      }
    }
    expectRefusal(of: "1048576 bytes of memory do not end where", "multiple of 2097152") {
      $0.nodeOrder = 9
      $0.groups = [.init(), .init(arena: 2 << 20)]
    }
    for arena in [0, -4096, 5000] {
      expectRefusal(of: "an arena of \(arena) bytes", "multiple of 4096") {
        $0.groups = [.init(), .init(arena: arena)]
      }
    }
    let most = Int.max - 4095
    expectRefusal(of: "an arena of \(most) bytes", "multiple of 4096") {
      $0.groups = [.init(), .init(arena: most), .init(arena: most)]
    }
  }

  @Test("Three quarters of the memory go to the fill rings of two ports by default")
  func fillDepth() throws {
    var bench = try Bench {
      $0.configuration.fillDepth = nil
      $0.ports = 2
      $0.ringSize = 64
    }
    expectEqual(bench.places(), [16, 48, 0, 0, 0, 0])
    expectEqual(bench.rings(0).fill.pending, 24)
    expectEqual(bench.rings(1).fill.pending, 24)
    bench.check()
    expect(try bench.engine.wait(timeout: .zero))
  }

  @Test("A port in memory cannot be steered to, nor an interface bound without a kernel")
  func noKernel() throws {
    var bench = try Bench()
    do throws(XDPError) {
      try bench.engine.steer(.everything, to: bench.ports[0])
      Issue.record("steered")
    } catch {
      expectEqual(error.kind, .configuration)
    }
    do throws(XDPError) {
      _ = try bench.engine.bind("lo", queue: 0)
      Issue.record("bound")
    } catch {
      expectEqual(error.kind, .configuration)
      expectEqual(error.operation, "bind lo")
    }
    expectEqual(bench.engine.allPorts.count, 1)
  }
}
