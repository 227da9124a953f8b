extension FrameAllocator {
  /// What an allocator is made of.
  ///
  /// Checked in one place, when the allocator or its pool is made.
  public struct Configuration: Sendable, Hashable {
    /// Bytes of memory; what does not fill a node is left out.
    public var byteCount: Int
    /// Bytes of an RX slot, the unit the kernel is told about: 2,048 or 4,096.
    public var chunkSize: Int
    /// Whether slots may begin at any granule; otherwise at multiples of the chunk size only.
    public var isUnaligned = false
    /// A node is 2^nodeOrder pages of 4 KiB: 0 to 3, or 9 for 2 MiB.
    ///
    /// No frame is longer than a node. Small nodes go home sooner, large ones take jumbo frames.
    public var nodeOrder = 0
    /// Bytes whose multiples no frame lies across, 2,048 or 4,096; nil if frames may lie anywhere
    /// in their node.
    ///
    /// No frame is longer either, but for the pages that frames of isolated groups have. For memory
    /// of which the kernel sends nothing else: aligned chunks, or pages that the device sees apart.
    public var boundary: Int?
    /// Bytes that only `.critical` allocations can take, kept from the start in whole nodes.
    public var reserve: Int
    /// The flow groups; the first is `FlowGroup.shared`.
    public var groups: [FlowGroup.Configuration]
    /// How many allocators, one per thread, share the memory.
    public var workers = 1
    /// Bytes of the arenas that exportable groups without one of their own take whole from what all
    /// share; nil where there is no such group.
    ///
    /// What was exported stays with its group, and is zeroed before it serves another.
    public var arenaSize: Int?
    /// Frames of each length that are kept ready, 0 to 128; 0 keeps none.
    ///
    /// Of aligned slots four times as many are.
    public var magazineDepth = Magazines.capacity
    /// Whether a release of what the caller does not have traps in debug builds.
    ///
    /// It is refused and counted in any case; tests that do it on purpose turn the trap off.
    public var trapsOnMisuse = true

    /// An allocator over `byteCount` bytes, by default without reserve and with the shared group
    /// alone.
    public init(
      byteCount: Int, chunkSize: Int = 2048, reserve: Int = 0,
      groups: [FlowGroup.Configuration] = [FlowGroup.Configuration()]
    ) {
      self.byteCount = byteCount
      self.chunkSize = chunkSize
      self.reserve = reserve
      self.groups = groups
    }

    /// How many workers and flow groups can be told apart.
    public static let workerLimit = 31
    /// How many flow groups can be told apart.
    public static let groupLimit = 1024
  }
}

extension FrameAllocator.Configuration {
  /// Bytes of a node.
  var nodeSize: Int { 4096 << nodeOrder }

  /// Granules whose multiples no frame lies across; 0 where frames end with their node anyway.
  var span: Int {
    guard let boundary, boundary < nodeSize else { return 0 }
    return boundary / FrameAllocator.granule
  }

  /// Nodes that hold `byteCount` bytes, rounded up: what is promised is kept in full.
  func nodes(toHold byteCount: Int) -> Int {
    byteCount / nodeSize + (byteCount % nodeSize == 0 ? 0 : 1)
  }

  /// Nodes that are kept for a group from the start: whole arenas if it is exportable.
  ///
  /// An arena of its own is no part of what the groups share, so nothing is kept there.
  func guaranteedNodes(of group: FlowGroup.Configuration) -> Int {
    guard group.arena == nil else { return 0 }
    let nodes = nodes(toHold: group.guarantee)
    guard group.isExportable, let arenaSize else { return nodes }
    let perArena = arenaSize / nodeSize
    return (nodes + perArena - 1) / perArena * perArena
  }

  /// Nodes of an arena, where groups share `count` of them.
  ///
  /// Where no group takes whole ones, each worker has one to begin in: of whole cache lines of
  /// every table, two by two as processors fetch them, the smallest of which has a byte per page.
  func arenaNodes(of count: Int) -> Int {
    if let arenaSize { return arenaSize / nodeSize }
    let unit = max(1, 128 * 4096 / nodeSize)
    return min(count, (count + workers * unit - 1) / (workers * unit) * unit)
  }

  /// Nodes of the arenas that groups have for good.
  var arenaNodeCount: Int {
    groups.reduce(0) { $0 + ($1.arena ?? 0) / nodeSize }
  }

  /// Where the arenas lie that groups have for good, in the order of the groups: behind what all
  /// share, one after the other up to the end.
  public var arenas: [(group: FlowGroup, addresses: Range<UInt64>)] {
    var start = (byteCount / nodeSize - arenaNodeCount) * nodeSize
    var arenas: [(group: FlowGroup, addresses: Range<UInt64>)] = []
    for (index, group) in groups.enumerated() {
      guard let arena = group.arena else { continue }
      arenas.append((FlowGroup(index: index), UInt64(start)..<UInt64(start + arena)))
      start += arena
    }
    return arenas
  }

  func validate() throws(FrameAllocatorError) {
    guard chunkSize == 2048 || chunkSize == 4096 else { throw .chunkSize(chunkSize) }
    guard (0...3).contains(nodeOrder) || nodeOrder == 9 else { throw .nodeOrder(nodeOrder) }
    if let boundary {
      guard boundary == 4096 || boundary == 2048 && chunkSize == 2048 && !isUnaligned else {
        throw .boundary(boundary, chunkSize: chunkSize, isUnaligned: isUnaligned)
      }
    }
    let nodeCount = byteCount / nodeSize
    guard byteCount > 0, nodeCount > 0, nodeCount < NodeLink.none, byteCount <= 1 << 38 else {
      throw .memory(byteCount: byteCount, nodeSize: nodeSize)
    }
    guard (1...Self.workerLimit).contains(workers) else {
      throw .workers(count: workers, limit: Self.workerLimit)
    }
    guard (0...Magazines.capacity).contains(magazineDepth) else {
      throw .magazineDepth(magazineDepth, limit: Magazines.capacity)
    }
    if let arenaSize {
      guard arenaSize > 0, arenaSize % nodeSize == 0, arenaSize <= byteCount else {
        throw .arenaSize(arenaSize, nodeSize: nodeSize)
      }
    }
    for (index, group) in groups.enumerated() {
      guard let arena = group.arena else {
        guard !group.isExportable || arenaSize != nil else { throw .noArena(group: index) }
        continue
      }
      guard arena > 0, arena % nodeSize == 0, arena <= byteCount else {
        throw .arenaSize(arena, nodeSize: nodeSize)
      }
    }
    guard arenaNodeCount < nodeCount else {
      throw .overcommitted(asked: arenaNodeCount * nodeSize, byteCount: byteCount)
    }
    try validateShares(nodeCount: nodeCount - arenaNodeCount)
  }

  private func validateShares(nodeCount: Int) throws(FrameAllocatorError) {
    guard !groups.isEmpty, groups.count <= Self.groupLimit else {
      throw .groups(count: groups.count, limit: Self.groupLimit)
    }
    guard reserve >= 0 else { throw .negative("a reserve", reserve) }
    guard reserve <= byteCount else { throw .overcommitted(asked: reserve, byteCount: byteCount) }
    var asked = nodes(toHold: reserve)
    for (index, group) in groups.enumerated() {
      guard group.guarantee >= 0 else { throw .negative("a guarantee", group.guarantee) }
      guard group.guarantee <= byteCount else {
        throw .overcommitted(asked: group.guarantee, byteCount: byteCount)
      }
      if let quota = group.quota {
        guard quota >= 0 else { throw .negative("a quota", quota) }
        guard quota >= group.guarantee else {
          throw .quotaBelowGuarantee(group: index, quota: quota, guarantee: group.guarantee)
        }
      }
      asked += guaranteedNodes(of: group)
    }
    guard asked <= nodeCount else {
      throw .overcommitted(asked: asked * nodeSize, byteCount: byteCount)
    }
  }
}
