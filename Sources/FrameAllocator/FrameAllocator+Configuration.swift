extension FrameAllocator {
  /// What an allocator is made of.
  ///
  /// Checked in one place, when the allocator is made.
  public struct Configuration: Sendable, Hashable {
    /// Bytes of memory; what does not fill a chunk is left out.
    public var byteCount: Int
    /// Bytes of a chunk, a power of two.
    public var chunkSize: Int
    /// Bytes that only `.critical` allocations can take.
    public var reserve: Int
    /// The flow groups; the first is `FlowGroup.shared`.
    public var groups: [FlowGroup.Configuration]

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
  }
}

extension FrameAllocator.Configuration {
  /// The configuration in chunks, known to be possible.
  struct Plan {
    var chunkCount: Int
    var reserve: Int
    var owed: Int
    var groups: [FrameAllocator.Group]
  }

  func validated() throws(FrameAllocatorError) -> Plan {
    guard chunkSize >= FrameAllocator.granule, chunkSize.nonzeroBitCount == 1 else {
      throw .chunkSize(chunkSize)
    }
    let chunkCount = byteCount / chunkSize
    guard byteCount > 0, chunkCount > 0, chunkCount < UInt32.max else {
      throw .memory(byteCount: byteCount, chunkSize: chunkSize)
    }
    let groupLimit = 1 << 16
    guard !groups.isEmpty, groups.count <= groupLimit else {
      throw .groups(count: groups.count, limit: groupLimit)
    }
    guard reserve >= 0 else { throw .negative("a reserve", reserve) }
    var asked = reserve
    var accounts: [FrameAllocator.Group] = []
    for (index, group) in groups.enumerated() {
      let account = try validated(group, index: index, chunkCount: chunkCount)
      asked = asked.addingReportingOverflow(group.guarantee).partialValue
      guard asked >= 0, asked <= byteCount else {
        throw .overcommitted(asked: asked, byteCount: byteCount)
      }
      accounts.append(account)
    }
    let owed = accounts.reduce(0) { $0 + $1.guarantee }
    let reserveChunks = chunks(toHold: reserve)
    guard reserveChunks + owed <= chunkCount else {
      let (asked, overflow) = (reserveChunks + owed).multipliedReportingOverflow(by: chunkSize)
      throw .overcommitted(asked: overflow ? .max : asked, byteCount: byteCount)
    }
    return Plan(chunkCount: chunkCount, reserve: reserveChunks, owed: owed, groups: accounts)
  }

  private func validated(
    _ group: FlowGroup.Configuration, index: Int, chunkCount: Int
  ) throws(FrameAllocatorError) -> FrameAllocator.Group {
    guard group.guarantee >= 0 else { throw .negative("a guarantee", group.guarantee) }
    if let quota = group.quota {
      guard quota >= 0 else { throw .negative("a quota", quota) }
      guard quota >= group.guarantee else {
        throw .quotaBelowGuarantee(group: index, quota: quota, guarantee: group.guarantee)
      }
    }
    return FrameAllocator.Group(
      used: 0, guarantee: chunks(toHold: group.guarantee),
      quota: group.quota.map { chunks(toHold: $0) } ?? chunkCount)
  }

  /// Chunks that hold `byteCount` bytes, rounded up: what is promised is kept in full.
  private func chunks(toHold byteCount: Int) -> Int {
    byteCount / chunkSize + (byteCount % chunkSize == 0 ? 0 : 1)
  }
}
