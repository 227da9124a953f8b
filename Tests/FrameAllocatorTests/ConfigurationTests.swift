import Expectations
import FrameAllocator
import Testing

/// What cannot be is said when the allocator is made, with what was asked and what is possible.
@Suite struct ConfigurationTests {
  private func refusal(
    _ change: (inout FrameAllocator.Configuration) -> Void
  ) -> String? {
    var configuration = makeConfiguration(nodes: 16)
    change(&configuration)
    do {
      _ = try FrameAllocator(configuration)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test func impossible() {
    let cases: [(String, (inout FrameAllocator.Configuration) -> Void)] = [
      ("a chunk of 1024 bytes", { $0.chunkSize = 1024 }),
      ("a chunk of 8192 bytes", { $0.chunkSize = 8192 }),
      ("2^4 pages", { $0.nodeOrder = 4 }), ("2^-1 pages", { $0.nodeOrder = -1 }),
      ("0 bytes of memory", { $0.byteCount = 0 }), ("-1 bytes", { $0.byteCount = -1 }),
      ("4095 bytes of memory in nodes of 4096", { $0.byteCount = 4095 }),
      ("65536 bytes of memory in nodes of 2097152", { $0.nodeOrder = 9 }),
      ("a reserve of -1 bytes", { $0.reserve = -1 }),
      ("reserve and guarantees take 65537 bytes of 65536", { $0.reserve = 65_537 }),
      (
        "take 69632 bytes of 65536",
        {
          $0.reserve = 61_440; $0.groups[0].guarantee = 8192
        }
      ),
      ("take \(Int.max) bytes", { $0.groups[0].guarantee = .max }),
      ("a guarantee of -5 bytes", { $0.groups[0].guarantee = -5 }),
      ("a quota of -5 bytes", { $0.groups[0].quota = -5 }),
      (
        "quota of 100 bytes but is guaranteed 200",
        { $0.groups = [.init(quota: 100, guarantee: 200)] }
      ),
      ("0 flow groups", { $0.groups = [] }),
      ("1025 flow groups", { $0.groups = Array(repeating: .init(), count: 1025) }),
      ("0 workers", { $0.workers = 0 }), ("32 workers", { $0.workers = 32 }),
      ("arenas of 5000 bytes", { $0.arenaSize = 5000 }),
      ("arenas of \(1 << 50) bytes", { $0.arenaSize = 1 << 50 }),
      ("group 1 is exportable", { $0.groups = [.init(), .init(isExportable: true)] }),
      ("magazines of 129 frames", { $0.magazineDepth = 129 }),
    ]
    for (wanted, change) in cases {
      #expect(refusal(change)?.contains(wanted) == true, "\(wanted): \(refusal(change) ?? "-")")
    }
  }

  @Test func possible() throws {
    #expect(refusal { $0.reserve = 65_536 } == nil)
    #expect(refusal { $0.groups = Array(repeating: .init(), count: 1024) } == nil)
    var allocator = try FrameAllocator(.init(byteCount: 4096))
    for byteCount in [0, -1, .min, 4097, .max] {
      expect(allocator.allocate(byteCount: byteCount) == nil)
    }
    expect(allocator.allocate(byteCount: 4096) != nil)
  }

  @Test("The tables take less than a hundredth of the memory they describe")
  func metadata() throws {
    let allocator = try FrameAllocator(.init(byteCount: 64 << 20))
    let (own, shared) = allocator.metadataByteCount
    expect((own + shared) * 100 <= 64 << 20)
  }
}
