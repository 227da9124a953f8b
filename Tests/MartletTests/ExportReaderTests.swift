import Expectations
import Glibc
import MartletTestKit
import Testing

@testable import Martlet

/// How long a reader waits, and for what.
@Suite struct ExportReaderTests {
  @Test("A reader that gathers more than it can have has enough with its limit")
  func gathersItsLimit() throws {
    var bench = try ExportBench()
    let (export, consumer) = try bench.export { $0.packetLimit = 16 }
    bench.arrive(0..<16, to: export)
    expect(consumer.reader.wait(gathering: 1_000_000, for: .milliseconds(100)))
    expectEqual(consumer.reader.systemCallCount, 0)
    #expect(consumer.take() == packets(0..<16))
  }

  @Test("A reader whose channel is never empty sees that the other end is gone")
  func goneWithoutAWord() throws {
    let pair = try connection()
    let reader = try open(pair.near, pair.far)
    // A process that another test starts at this moment has a copy until its program runs.
    let end = ContinuousClock.now + .seconds(10)
    var isThere = true
    while isThere, ContinuousClock.now < end {
      for _ in 0..<64 where isThere { isThere = reader.reader.wait(timeout: .seconds(10)) }
      sched_yield()
    }
    expect(!isThere)
  }

  @Test("What came with a memory that is none is closed too", arguments: Shipment.Role.allCases)
  func refusedMemory(_ role: Shipment.Role) throws {
    let pair = try connection()
    let near = PeerSocket(pair.near)
    var ends: [Int32] = [-1, -1]
    // The kernel writes two descriptors, and the array has two elements.
    try #require(unsafe pipe(&ends) == 0)
    // A child that inherited the writing end would keep it open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let shipment = Shipment(
      role: role, ringSize: 16, chunkSize: 2048, verdicts: [.drop], packetLimit: 16)
    try near.ship(shipment.words, ends)
    close(ends[1])
    let error = #expect(throws: XDPError.self) {
      switch role {
      case .consumer: _ = try FlowReader(connectedTo: pair.far)
      case .tenant: _ = try FlowWriter(connectedTo: pair.far)
      }
    }
    #expect(error?.reason == "the file that was given is none")
    // Nobody can write any more once the other end has closed what it was given.
    var end = pollfd(fd: ends[0], events: 0, revents: 0)
    // The kernel writes one structure.
    #expect(unsafe poll(&end, 1, 10_000) == 1 && end.revents & Int16(POLLHUP) != 0)
  }

  /// A reader with one entry in its channel, at whose other end nobody is any more.
  private func open(_ near: Int32, _ far: Int32) throws -> Consumer {
    let socket = PeerSocket(near)
    let memory = try ChannelMemory(size: 16)
    // Any sealed file will do for an arena.
    let arena = try ChannelMemory(size: 16)
    let shipment = Shipment(
      role: .consumer, ringSize: 16, chunkSize: 2048, verdicts: [.drop], packetLimit: 16)
    try socket.ship(shipment.words, [arena.fileDescriptor, memory.fileDescriptor])
    let consumer = Consumer(try FlowReader(connectedTo: far))
    var channel = Channel(memory, .owner, socket: socket)
    expect(channel.sender.hasRoom)
    channel.sender.put(ChannelEntry(0, 0))
    channel.publish()
    return consumer
  }
}
