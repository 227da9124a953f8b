import Testing
import Wire
import XSK

@testable import Steering

/// Plans for tables, keys and filters on NICs in memory.
@Suite struct NICTests {
  @Test func aFlowGetsAQueueOfItsOwn() throws {
    let nic = MemoryNIC()
    let before = nic.now
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 3, apart: [])
    let hash = try nic.hashSettings()
    let bucket = try hash.bucket(of: flow(1))
    #expect(hash.key == publishedKey)
    #expect(hash.table.indices.filter { hash.table[$0] == 3 } == [bucket])
    // Buckets that led elsewhere still do.
    for (index, queue) in hash.table.enumerated() where index % 4 != 3 && index != bucket {
      #expect(queue == index % 4)
    }
    let placement = try #require(queues.placement(of: flow(1)))
    #expect(placement.grade == .bucket)
    #expect(placement.reason.contains("queue 3 gets bucket \(bucket) of 128"))
    #expect(placement.reason.contains("strangers"))
    #expect(queues.placement(of: flow(2)) == nil)
    try queues.repeatSettings()
    #expect(nic.now.repeats == 1)
    try queues.unsteer(flow(1))
    #expect(nic.now.hash == before.hash)
    #expect(nic.now.resets == 1 && queues.state.isEmpty)
    try queues.repeatSettings()
    #expect(nic.now.repeats == 1)
  }

  @Test func flowsOfOneBucketTakeANewKey() throws {
    let nic = MemoryNIC()
    let (first, second) = try collision()
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(first, to: 1, apart: [])
    #expect(try nic.hashSettings().key == publishedKey)
    try queues.steer(second, to: 2, apart: [])
    var hash = try nic.hashSettings()
    #expect(hash.key != publishedKey)
    #expect(try hash.table[hash.bucket(of: first)] == 1)
    #expect(try hash.table[hash.bucket(of: second)] == 2)
    #expect(hash.table.count { $0 == 1 } == 1 && hash.table.count { $0 == 2 } == 1)
    // Without the second the first one's old key will do.
    try queues.unsteer(second)
    hash = try nic.hashSettings()
    #expect(hash.key == publishedKey)
    #expect(try hash.table[hash.bucket(of: first)] == 1)
    try queues.restore()
    #expect(nic.now.hash == MemoryNIC().now.hash)
  }

  @Test func flowsOfOneBucketMayShareAQueue() throws {
    let nic = MemoryNIC()
    let (first, second) = try collision()
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(first, to: 1, apart: [])
    try queues.steer(second, to: 1, apart: [])
    #expect(try nic.hashSettings().key == publishedKey)
    #expect(try nic.hashSettings().table.count { $0 == 1 } == 1)
  }

  @Test func strangersThatAreNamedStayAway() throws {
    let nic = MemoryNIC()
    let (first, second) = try collision()
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(first, to: 1, apart: [second])
    let hash = try nic.hashSettings()
    #expect(try hash.table[hash.bucket(of: first)] == 1)
    #expect(try hash.table[hash.bucket(of: second)] != 1)
  }

  @Test func aKeyThatIsRefusedLeavesThePlanBefore() throws {
    let nic = MemoryNIC { $0.refusesKey = true }
    let (first, second) = try collision()
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(first, to: 1, apart: [])
    let before = nic.now
    let error = refusal { () throws(XDPError) in try queues.steer(second, to: 2, apart: []) }
    #expect(error?.kind == .settingRefused && error?.reason == "it keeps its key")
    #expect(nic.now == before && queues.placement(of: second) == nil)
    #expect(queues.placement(of: first)?.grade == .bucket)
  }

  @Test func aFlowMovesToAnotherQueue() throws {
    let nic = MemoryNIC()
    let before = nic.now.hash
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 3, apart: [])
    try queues.steer(flow(1), to: 2, apart: [])
    let hash = try nic.hashSettings()
    #expect(hash.table.count { $0 == 2 } == 1 && hash.table.count { $0 == 3 } >= 31)
    // Nothing was given back in between, and what cannot be leaves it where it is.
    #expect(nic.now.resets == 0)
    for queue in [0, 1] { try queues.steer(flow(UInt16(7 + queue)), to: queue, apart: []) }
    let error = refusal { () throws(XDPError) in
      try queues.steer(flow(9), to: 3, apart: [])
    }
    #expect(error?.kind == .configuration)
    #expect(queues.placement(of: flow(1))?.reason.contains("queue 2") == true)
    // From the hash to a filter and back.
    nic.change { $0.support = .on }
    try queues.steer(flow(1), to: 3, apart: [])
    #expect(queues.placement(of: flow(1))?.grade == .exact)
    #expect(try !nic.hashSettings().table.contains(3))
    nic.change { $0.refusesFilters = true }
    try queues.steer(flow(1), to: 2, apart: [])
    #expect(queues.placement(of: flow(1))?.grade == .bucket && nic.now.filters.isEmpty)
    nic.change { $0.support = .none("it has no filters") }
    try queues.restore()
    #expect(nic.now.hash == before)
  }

  @Test func oneQueueMustRemain() throws {
    let nic = MemoryNIC()
    var queues = NICQueues(nic, note: { _ in })
    for queue in 0..<3 { try queues.steer(flow(UInt16(queue)), to: queue, apart: []) }
    let before = nic.now
    let error = refusal { () throws(XDPError) in try queues.steer(flow(9), to: 3, apart: []) }
    #expect(error?.kind == .configuration)
    #expect(error?.reason.contains("all 4 queues") == true)
    #expect(nic.now == before)
  }

  @Test func portsAreHashedIfTheDriverAgrees() throws {
    for refuses in [false, true] {
      let nic = MemoryNIC {
        $0.hash?.fields[.udp4] = .addresses
        $0.refusesFields = refuses
      }
      let before = nic.now.hash
      var queues = NICQueues(nic, note: { _ in })
      try queues.steer(flow(1), to: 3, apart: [])
      let hash = try nic.hashSettings()
      #expect(hash.fields[.udp4] == (refuses ? .addresses : [.addresses, .ports]))
      #expect(try hash.table[hash.bucket(of: flow(1))] == 3)
      let reason = queues.placement(of: flow(1))?.reason
      #expect(reason?.contains("source, destination (it hashes what it hashes)") == refuses)
      if refuses {
        // The NIC cannot tell them apart, whatever the key.
        let error = refusal { () throws(XDPError) in try queues.steer(flow(2), to: 2, apart: []) }
        #expect(error?.reason.contains("the same to the NIC") == true, "\(error as Any)")
      }
      try queues.restore()
      #expect(nic.now.hash == before)
    }
  }

  @Test("Flows that a NIC cannot tell apart share a queue, and another is kept from their bucket")
  func alikeFlows() throws {
    let nic = MemoryNIC {
      $0.hash?.fields[.udp4] = .addresses
      $0.refusesFields = true
    }
    var queues = NICQueues(nic, note: { _ in })
    let bucket = try nic.hashSettings().bucket(of: flow(1))
    let others = (2...UInt8.max).flatMap { host in
      (0...UInt8.max).map { net in
        FlowKey(
          source: IPv4Address(10, 0, net, host), sourcePort: 1,
          destination: IPv4Address(10, 0, 0, 2), destinationPort: 4789, ipProtocol: .udp)
      }
    }
    let other = try #require(try others.first { try nic.hashSettings().bucket(of: $0) == bucket })
    for port in [1, 2] as [UInt16] { try queues.steer(flow(port), to: 1, apart: []) }
    try queues.steer(other, to: 2, apart: [])
    let hash = try nic.hashSettings()
    for port in [1, 2] as [UInt16] { #expect(try hash.table[hash.bucket(of: flow(port))] == 1) }
    #expect(try hash.table[hash.bucket(of: other)] == 2)
  }

  @Test func aBucketThatIsNotKnown() throws {
    let changes: [(String, (inout RSSSettings) -> Void)] = [
      ("does not tell its hash key", { $0.key = [] }),
      ("not a power of two", { $0.table.removeLast() }),
      ("both directions alike", { $0.transform = 1 }),
      ("does not tell which fields of udp4", { $0.fields[.udp4] = nil }),
      (
        "of udp4 it hashes source, others",
        { $0.fields[.udp4] = [.source, HashedFields(rawValue: 4)] }
      ),
    ]
    for (words, change) in changes {
      let nic = MemoryNIC { state in
        state.refusesFields = true
        state.hash.map { hash in
          var hash = hash
          change(&hash)
          state.hash = hash
        }
      }
      let before = nic.now
      var queues = NICQueues(nic, note: { _ in })
      let error = refusal { () throws(XDPError) in try queues.steer(flow(1), to: 3, apart: []) }
      #expect(error?.kind == .unsupported && error?.reason.contains(words) == true, "\(words)")
      #expect(nic.now.hash == before.hash)
    }
  }

  @Test func anotherFunctionIsChangedAndPutBack() throws {
    let nic = MemoryNIC { $0.hash?.function = .xor }
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 3, apart: [])
    #expect(try nic.hashSettings().function == .toeplitz)
    try queues.restore()
    #expect(try nic.hashSettings().function == .xor)
  }

  @Test func aFilterIsExact() throws {
    let nic = MemoryNIC { $0.support = .off }
    let before = nic.now
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 2, apart: [])
    #expect(nic.now.filters.map(\.queue) == [2] && nic.now.support == .on)
    #expect(try !nic.hashSettings().table.contains(2))
    #expect(queues.placement(of: flow(1))?.grade == .exact)
    // Somebody else's filter for the queue, and a bucket.
    try nic.insert(try #require(NtupleFilter(flow(7), queue: 2)))
    #expect(queues.placement(of: flow(1))?.grade == .bucket)
    #expect(queues.placement(of: flow(1))?.reason.contains("somebody else's") == true)
    nic.change { $0.refusesFilters = true }
    try queues.steer(flow(3), to: 1, apart: [])
    #expect(queues.placement(of: flow(3))?.grade == .bucket)
    #expect(queues.placement(of: flow(3))?.reason.contains("refuses such a filter") == true)
    try queues.restore()
    #expect(nic.now.filters.map(\.queue) == [2] && nic.now.support == .off)
    #expect(nic.now.hash == before.hash)
  }

  /// Its place is not known then: it goes, or it stays noted until it can go.
  @Test(arguments: [1, 2]) func aFilterThatIsNotShownIsNotForgotten(_ looksInVain: Int) throws {
    let nic = MemoryNIC {
      $0.support = .on
      $0.looksInVain = looksInVain
    }
    let journal = Journal(limit: .max)
    var queues = NICQueues(nic, note: journal.note)
    let error = refusal { () throws(XDPError) in try queues.steer(flow(1), to: 2, apart: []) }
    #expect(error?.reason == "it does not show its filters")
    #expect(nic.now.filters.count == looksInVain - 1)
    #expect(journal.lines.count { $0.hasPrefix("filter ") } == looksInVain - 1)
    try queues.restore()
    #expect(nic.now.filters.isEmpty && journal.lines.isEmpty)
  }

  @Test func whatHasToBeExactIsNoBucketAndChangesNothing() throws {
    let nic = MemoryNIC { $0.support = .on }
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 2, apart: [], exactly: true)
    nic.change { $0.refusesFilters = true }
    let before = nic.now
    let error = refusal { () throws(XDPError) in
      try queues.steer(flow(3), to: 2, apart: [], exactly: true)
    }
    #expect(error?.kind == .unsupported)
    #expect(error?.reason.contains("refuses such a filter") == true)
    #expect(nic.now == before && queues.placement(of: flow(3)) == nil)
    #expect(queues.placement(of: flow(1))?.grade == .exact)
    try queues.unsteer(flow(1))
    let after = nic.now
    _ = refusal { () throws(XDPError) in
      try queues.steer(flow(3), to: 2, apart: [], exactly: true)
    }
    #expect(nic.now == after)
  }

  @Test func aBucketThatLeadsToAFiltersQueueMakesItLessThanExact() throws {
    let nic = MemoryNIC { $0.support = .on }
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 2, apart: [])
    #expect(queues.placement(of: flow(1))?.grade == .exact)
    nic.change { $0.refusesFilters = true }
    try queues.steer(flow(3), to: 2, apart: [])
    #expect(queues.placement(of: flow(1))?.grade == .bucket)
    #expect(queues.placement(of: flow(1))?.reason.contains("a bucket leads there too") == true)
    try queues.unsteer(flow(3))
    #expect(queues.placement(of: flow(1))?.grade == .exact)
  }

  /// Also if the next start restores, with no more than was noted.
  @Test(arguments: [false, true])
  func somebodyElsesFilterForTheSameFlowStays(isKilled: Bool) throws {
    let nic = MemoryNIC { $0.support = .on }
    try nic.insert(try #require(NtupleFilter(flow(1), queue: 2)))
    let before = nic.now
    let journal = Journal(limit: .max)
    var queues = NICQueues(nic) { (state) throws(XDPError) in try journal.note(state) }
    try queues.steer(flow(1), to: 2, apart: [])
    #expect(nic.now.filters.count == 2)
    if isKilled {
      #expect(try #require(QueueState(lines: journal.lines)).restore(nic) == nil)
    } else {
      try queues.restore()
    }
    #expect(nic.now.filters == before.filters)
  }

  @Test func aFilterWithoutATableIsNotExact() throws {
    let nic = MemoryNIC {
      $0.support = .on
      $0.hash = nil
    }
    var queues = NICQueues(nic, note: { _ in })
    try queues.steer(flow(1), to: 2, apart: [])
    #expect(queues.placement(of: flow(1))?.grade == .bucket)
    #expect(queues.placement(of: flow(1))?.reason.contains("it has no table") == true)
    try queues.unsteer(flow(1))
    #expect(nic.now.filters.isEmpty)
    nic.change { $0.support = .none("none") }
    let error = refusal { () throws(XDPError) in try queues.steer(flow(1), to: 2, apart: []) }
    #expect(error?.kind == .unsupported)
  }

  @Test func aGroupIsAsPureAsItsWorstFlow() {
    let exact = Placement.steered(.exact, reason: "a")
    let bucket = Placement.steered(.bucket, reason: "b")
    #expect(Placement.weakest(of: [exact, bucket, exact]) == bucket)
    #expect(Placement.weakest(of: [bucket, .shared(reason: "c")])?.reason == "c")
    #expect(Placement.weakest(of: []) == nil)
    #expect("\(bucket)" == "steered (bucket): b" && exact.grade == .exact)
  }

  /// Killed after each note that was made, with what was noted last.
  @Test(arguments: [false, true])
  func theNextStartRestores(changesFilters: Bool) throws {
    for crash in 1..<40 {
      let nic = MemoryNIC {
        $0.support = .off
        $0.hash?.fields[.udp4] = .addresses
        $0.changesFilters = changesFilters
      }
      let foreign = try #require(NtupleFilter(flow(7), queue: 0))
      try nic.insert(foreign)
      let before = nic.now
      let journal = Journal(limit: crash)
      var queues = NICQueues(nic) { (state) throws(XDPError) in try journal.note(state) }
      do {
        try queues.steer(flow(1), to: 2, apart: [])
        nic.change { $0.refusesFilters = true }
        let (first, second) = try collision()
        try queues.steer(first, to: 1, apart: [])
        try queues.steer(second, to: 3, apart: [])
        try queues.unsteer(flow(1))
      } catch {}
      let state = try #require(QueueState(lines: journal.lines))
      #expect(state.restore(nic) == nil)
      // A filter that the driver shows otherwise is known by its place, once that is noted.
      #expect(nic.now.hash == before.hash && nic.now.support == .off, "\(crash)")
      let isUnknown = changesFilters && state.filters.contains { $0.location == .max }
      #expect(isUnknown || nic.now.filters == before.filters, "\(crash)")
      if !journal.isFull { return }
    }
    Issue.record("the journal has no end")
  }
}

/// A record in memory; the write after the last one is the crash.
private final class Journal {
  private let limit: Int
  private var count = 0
  private(set) var lines: [String] = []

  init(limit: Int) { self.limit = limit }

  var isFull: Bool { count >= limit }

  func note(_ state: QueueState) throws(XDPError) {
    guard !isFull else {
      throw XDPError(.system, operation: "crash", reason: "as planned", remedy: "none")
    }
    count += 1
    lines = state.lines
  }
}

/// A UDP flow with its source port.
func flow(_ port: UInt16) -> FlowKey {
  FlowKey(
    source: IPv4Address(10, 0, 0, 1), sourcePort: port, destination: IPv4Address(10, 0, 0, 2),
    destinationPort: 4789, ipProtocol: .udp)
}

/// Two flows that hash into one bucket of 128 with the published key.
func collision() throws -> (FlowKey, FlowKey) {
  let hash = try MemoryNIC().hashSettings()
  let bucket = try hash.bucket(of: flow(5000))
  for port in UInt16(5001)..<9000 where try hash.bucket(of: flow(port)) == bucket {
    return (flow(5000), flow(port))
  }
  preconditionFailure("some port of 4,000 must")
}

/// The error that `body` throws.
func refusal(_ body: () throws(XDPError) -> Void) -> XDPError? {
  do throws(XDPError) {
    try body()
    return nil
  } catch { return error }
}
