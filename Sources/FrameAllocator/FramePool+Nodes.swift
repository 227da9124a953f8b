internal import Synchronization

extension FramePool {
  /// What a flow group has and may have, in nodes.
  struct Account {
    var used = 0
    var quota: Int
    var guarantee: Int
    var isExportable: Bool
    /// The number of the arena that is the group's for good.
    var home: Int?
  }

  /// A stretch of nodes: see `FramePool`.
  struct ArenaState {
    /// First free node, linked through the nodes' links; `NodeLink.none` ends the list.
    var head = NodeLink.none
    var freeCount = 0
    var nodes: Range<Int>
    /// The exportable group whose arena this is, for good or until it is empty; nil if it is open
    /// to the others.
    var group: Int?
    /// Whether another process may have it mapped.
    var isExported = false
    /// Whether it has to be zeroed before it serves anyone else.
    var isStale = false
    /// Whether it is its group's for good.
    var isHome = false
    /// Whether it is being zeroed: nobody gets a node of it.
    var isClosed = false

    /// Whether none of its nodes is in use.
    var isEmpty: Bool { freeCount == nodes.count }
  }

  /// What the lock protects.
  struct State {
    var accounts: [Account]
    var arenas: [ArenaState] = []
    var workersMade: [Bool]
    /// Nodes kept for `.critical` allocations.
    let reserve: Int
    /// Free nodes of open arenas.
    var openFree = 0
    var owed = 0
    /// By worker: the arena where it found its last node.
    ///
    /// Each begins in an arena of its own, so that they write entries of the tables that lie in
    /// cache lines apart.
    var cursors: [Int]
    /// Nodes in front of the arenas that groups have for good, and of each arena there.
    let sharedNodes: Int
    let arenaNodes: Int
    let map: PageMap

    init(_ configuration: FrameAllocator.Configuration, map: PageMap) {
      self.map = map
      reserve = configuration.nodes(toHold: configuration.reserve)
      workersMade = Array(repeating: false, count: configuration.workers)
      accounts = configuration.groups.map { group in
        Account(
          quota: group.quota.map { configuration.nodes(toHold: $0) } ?? map.nodeCount,
          guarantee: configuration.guaranteedNodes(of: group),
          isExportable: group.isExportable || group.arena != nil)
      }
      sharedNodes = map.nodeCount - configuration.arenaNodeCount
      arenaNodes = configuration.arenaNodes(of: sharedNodes)
      for first in stride(from: 0, to: sharedNodes, by: arenaNodes) {
        arenas.append(ArenaState(nodes: first..<min(first + arenaNodes, sharedNodes)))
      }
      // Arenas that groups take whole are filled one after the other: some stay empty for those
      // that were promised them.
      let spread = configuration.arenaSize == nil ? arenas.count : 0
      cursors = (0..<configuration.workers).map { $0 * spread / configuration.workers }
      for (group, addresses) in configuration.arenas {
        let first = Int(addresses.lowerBound) / configuration.nodeSize
        let nodes = first..<first + addresses.count / configuration.nodeSize
        accounts[group.index].home = arenas.count
        // It cannot grow beyond its arena, whatever others let go of.
        accounts[group.index].quota = min(accounts[group.index].quota, nodes.count)
        arenas.append(ArenaState(nodes: nodes, group: group.index, isHome: true))
      }
      for node in (0..<map.nodeCount).reversed() {
        map.reset(node)
        put(node)
      }
      for account in accounts { owed += account.guarantee }
    }
  }
}

extension FramePool.State {
  /// The arena that a node lies in.
  func arena(of node: Int) -> Int {
    guard node >= sharedNodes else { return node / arenaNodes }
    // The arenas of groups differ in size and stand in order.
    var low = (sharedNodes + arenaNodes - 1) / arenaNodes
    var high = arenas.count - 1
    while low < high {
      let middle = (low + high) / 2
      if node < arenas[middle].nodes.upperBound { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// Puts a node into its arena's list.
  mutating func put(_ node: Int) {
    let index = arena(of: node)
    map.links[map.firstPage(of: node)] = UInt64(truncatingIfNeeded: arenas[index].head)
    arenas[index].head = node
    arenas[index].freeCount += 1
    if arenas[index].group == nil { openFree += 1 }
  }

  /// Takes a node out of an arena's list.
  private mutating func pop(_ index: Int) -> Int? {
    let node = arenas[index].head
    guard node != NodeLink.none else { return nil }
    arenas[index].head = Int(truncatingIfNeeded: map.links[map.firstPage(of: node)])
    arenas[index].freeCount -= 1
    if arenas[index].group == nil { openFree -= 1 }
    return node
  }

  /// A node for a group, if its quota, what others are owed and the reserve allow it.
  mutating func take(for group: Int, permission: Permission, worker: Int) -> Int? {
    let account = accounts[group]
    guard account.used < account.quota else { return nil }
    let node =
      if let home = account.home {
        arenas[home].isClosed ? nil : pop(home)
      } else {
        account.isExportable
          ? takeOwn(for: group, permission, worker) : takeOpen(for: group, permission, worker)
      }
    if node != nil { accounts[group].used += 1 }
    return node
  }

  private mutating func takeOpen(
    for group: Int, _ permission: Permission, _ worker: Int
  ) -> Int? {
    let isOwed = accounts[group].used < accounts[group].guarantee
    guard isOwed || openFree > owed + (permission == .normal ? reserve : 0) else { return nil }
    guard let index = arena(for: worker, where: { $0.group == nil && $0.freeCount > 0 }) else {
      return nil
    }
    if isOwed { owed -= 1 }
    return pop(index)
  }

  /// An exportable group without a home takes nodes of the arenas it has, and where those are full
  /// an arena that is wholly free.
  private mutating func takeOwn(
    for group: Int, _ permission: Permission, _ worker: Int
  ) -> Int? {
    if let index = arena(
      for: worker, where: { $0.group == group && !$0.isStale && $0.freeCount > 0 })
    {
      return pop(index)
    }
    guard let index = arena(for: worker, where: { $0.group == nil && $0.isEmpty })
    else { return nil }
    let count = arenas[index].nodes.count
    let isOwed = accounts[group].used < accounts[group].guarantee
    guard isOwed || openFree - count >= owed + (permission == .normal ? reserve : 0) else {
      return nil
    }
    if isOwed { owed -= count }
    arenas[index].group = group
    openFree -= count
    return pop(index)
  }

  /// The next arena that fits, from where the worker found the last one.
  private mutating func arena(
    for worker: Int, where fits: (FramePool.ArenaState) -> Bool
  ) -> Int? {
    for step in 0..<arenas.count {
      let place = cursors[worker] + step
      let index = place < arenas.count ? place : place - arenas.count
      if fits(arenas[index]) {
        cursors[worker] = index
        return index
      }
    }
    return nil
  }

  /// Takes a whole node back from a group.
  mutating func giveBack(_ node: Int, of group: Int) {
    accounts[group].used -= 1
    put(node)
    guard accounts[group].isExportable else {
      if accounts[group].used < accounts[group].guarantee { owed += 1 }
      return
    }
    release(arena(of: node))
  }

  /// Opens an exportable group's arena to all once nothing of it is in use or seen by others.
  mutating func release(_ index: Int) {
    let arena = arenas[index]
    guard let group = arena.group, arena.isEmpty, !arena.isExported,
      !arena.isStale, !arena.isHome
    else { return }
    arenas[index].group = nil
    openFree += arena.nodes.count
    let rest = arenas.reduce(0) { $0 + ($1.group == group ? $1.nodes.count : 0) }
    if rest < accounts[group].guarantee { owed += arena.nodes.count }
  }
}

extension FramePool {
  /// Gives a worker a node for one of its heaps; nil if there is none for it.
  ///
  /// Then every other worker is asked to let go of what it does not need.
  ///
  /// One that `isExtra` comes only while memory is plenty, and nobody is asked for it.
  func take(
    for group: Int, permission: Permission, worker: Int, isExtra: Bool = false
  ) -> Int? {
    let heap = FrameAllocator.heap(of: group, permission)
    let owner = Self.owner(worker: worker, heap: heap)
    let node = state.withLock { state -> Int? in
      guard !isExtra || isPlenty(state),
        let node = state.take(for: group, permission: permission, worker: worker)
      else { return nil }
      setOwner(owner, of: node)
      return node
    }
    if node == nil, !isExtra, configuration.workers > 1 { pressure.add(1, ordering: .relaxed) }
    return node
  }

  /// Whether a group could have a further node if there were one: its quota, if it has one, is not
  /// what stands in the way.
  func mayGrow(_ group: Int) -> Bool {
    state.withLock { state in
      let account = state.accounts[group]
      return account.used < account.quota || account.quota >= map.nodeCount
    }
  }

  /// Takes a wholly free node back; says whether memory is plenty again: an eighth of it is free.
  func giveBack(_ node: Int, of group: Int) -> Bool {
    state.withLock { state in
      setOwner(Self.noOwner, of: node)
      state.giveBack(node, of: group)
      return isPlenty(state)
    }
  }

  private func isPlenty(_ state: borrowing State) -> Bool {
    state.openFree - state.owed - state.reserve > map.nodeCount / 8
  }

  private func setOwner(_ owner: UInt16, of node: Int) {
    for page in map.firstPage(of: node)..<map.firstPage(of: node + 1) { owners[page] = owner }
  }
}
