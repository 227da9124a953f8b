import Expectations
import Testing
import XSK

@Suite struct ConfigurationTests {
  private static func refusal(_ change: (inout UMEM.Configuration) -> Void) throws -> XDPError {
    var configuration = UMEM.Configuration()
    change(&configuration)
    let error = #expect(throws: XDPError.self) { try configuration.validate(byteCount: 1 << 20) }
    return try #require(error)
  }

  @Test("Chunks and rings that no kernel takes are refused by name")
  func refusals() throws {
    let small = try Self.refusal { $0.chunkSize = 1024 }
    #expect(small.kind == .configuration)
    #expect(
      small.description
        == "configure packet memory: the kernel does not take chunks of 1024 bytes; "
        + "choose 2048 to 4096")
    let odd = try Self.refusal { $0.chunkSize = 3000 }
    #expect(odd.reason.contains("aligned chunks of 3000 bytes"))
    let large = try Self.refusal { ($0.chunkSize, $0.isUnaligned) = (4097, true) }
    #expect(large.reason.contains("4097"))
    let headroom = try Self.refusal { $0.headroom = 1345 }
    #expect(headroom.remedy == "choose 0 to 1344")
    #expect(try Self.refusal { $0.headroom = -1 }.reason.contains("headroom of -1"))
    #expect(try Self.refusal { $0.fillSize = 1000 }.reason.contains("a fill ring of 1000"))
    #expect(try Self.refusal { $0.completionSize = 0 }.reason.contains("a completion ring of 0"))
    #expect(try Self.refusal { $0.receiveSize = -64 }.reason.contains("a receive ring of -64"))
    #expect(try Self.refusal { $0.transmitSize = 3 }.reason.contains("a transmit ring of 3"))
    #expect(throws: XDPError.self) { try UMEM.Configuration().validate(byteCount: 2047) }
  }

  @Test("What the kernel takes passes")
  func accepted() throws {
    for (chunkSize, isUnaligned) in [(2048, false), (4096, false), (2048, true), (2112, true)] {
      var configuration = UMEM.Configuration()
      (configuration.chunkSize, configuration.isUnaligned) = (chunkSize, isUnaligned)
      configuration.headroom = chunkSize - 704
      try configuration.validate(byteCount: 4096)
      #expect(configuration.largestPacket == 448)
    }
  }

  @Test("A UMEM needs neither privileges nor a kernel until it is bound")
  func memoryOnly() throws {
    let umem = try UMEM(region: MemoryRegion(byteCount: 5000))
    #expect(umem.byteCount == 8192)
    let memory = umem.memory()
    var bytes = memory.mutableSpan(at: 8191, count: 1)
    bytes.storeBytes(of: 7, as: UInt8.self)
    expectEqual(memory.byteCount, 8192)
  }
}
