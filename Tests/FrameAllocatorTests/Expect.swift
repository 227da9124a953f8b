import FrameAllocator
import Testing

/// Records an issue unless every invariant holds and the ledger's parts add up.
func expectSound(
  _ allocator: borrowing FrameAllocator, at location: SourceLocation = #_sourceLocation
) {
  let broken = allocator.audit()
  #expect(broken == nil, sourceLocation: location)
  let ledger = allocator.ledger()
  let sum = ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
  #expect(sum == ledger.total, sourceLocation: location)
}

/// A configuration of `count` nodes.
func makeConfiguration(
  nodes count: Int, order: Int = 0, reserve: Int = 0,
  groups: [FlowGroup.Configuration] = [FlowGroup.Configuration()], workers: Int = 1
) -> FrameAllocator.Configuration {
  let size = 4096 << order
  var configuration = FrameAllocator.Configuration(
    byteCount: count * size, reserve: reserve * size, groups: groups)
  configuration.nodeOrder = order
  configuration.workers = workers
  return configuration
}

/// Allocates frames of one length until there are no more.
func exhaust(
  _ allocator: inout FrameAllocator, byteCount: Int = 64, group: FlowGroup = .shared,
  permission: Permission = .normal
) -> [UInt64] {
  var frames: [UInt64] = []
  while let frame = allocator.allocate(
    byteCount: byteCount, group: group, permission: permission)
  {
    frames.append(frame)
  }
  return frames
}
