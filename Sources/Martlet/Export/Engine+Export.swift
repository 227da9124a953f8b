public import XSK

extension Engine {
  /// Gives another process the group's arena, to read packets in place and say what becomes of
  /// them: `FlowReader` is that process's side.
  ///
  /// The socket is connected to it. Throws `.notExportable`, saying why, if the process would see
  /// packets that are not the group's: where the group has no arena of its own, its placement
  /// (`placement(of:)`) mixes its packets with others', a port in zero copy has let others' packets
  /// into its pages or may yet, or a process of another user was ever given the arena. One process
  /// at a time has it, by whichever engine of the memory. What the placement owes to `place` it
  /// keeps: from now on no flow is taken off its queue if strangers could come there then.
  public mutating func export(
    _ group: FlowGroup, to socket: consuming PeerSocket, _ terms: ExportTerms
  ) throws(XDPError) -> FlowExport {
    let arena = try arena(of: group, isWritable: false)
    try admit(group, terms)
    for case let port? in [terms.forwardPort, terms.kernelPort] {
      guard ports.indices.contains(port.index) else {
        throw refusal(
          group, .configuration, "a port of its terms is another engine's", "name this one's ports")
      }
    }
    if let limit = terms.packetLimit, limit < 1 {
      throw refusal(
        group, .configuration, "a consumer cannot do with \(limit) packets", "give it 1 or more")
    }
    let slots = arena.count / allocator.chunkSize
    let limit = max(1, min(terms.packetLimit ?? slots / 2, 1 << 16))
    let verdicts = terms.verdicts ?? terms.possibleVerdicts
    guard verdicts.isSubset(of: terms.possibleVerdicts) else {
      throw refusal(
        group, .configuration,
        "a consumer cannot say \(verdicts.subtracting(terms.possibleVerdicts))",
        "name a port where such packets go, for the stack one such as an end of a veth pair, or "
          + "let them be injected")
    }
    if terms.injectsIntoStack { try prepareInjection(for: group, terms) }
    let shipment = Shipment(
      role: .consumer, ringSize: Self.ringSize(for: limit), chunkSize: allocator.chunkSize,
      verdicts: verdicts, packetLimit: limit)
    return try open(group, arena, socket, terms, shipment)
  }

  /// Gives another process the group's arena to write packets into, which are sent as it submits
  /// them: `FlowWriter` is that process's side.
  ///
  /// For a group whose arena is writable, and was never given to a process of another user. They
  /// go out through `terms.forwardPort`. Nothing that the process writes is believed; what it sends
  /// is its own business, so steer and filter behind the port if it may not send everything.
  public mutating func lease(
    _ group: FlowGroup, to socket: consuming PeerSocket, _ terms: ExportTerms
  ) throws(XDPError) -> FlowExport {
    let arena = try arena(of: group, isWritable: true)
    guard let port = terms.forwardPort, ports.indices.contains(port.index) else {
      throw refusal(group, .configuration, "no port sends for the tenant", "name a forwardPort")
    }
    let slots = arena.count / allocator.chunkSize
    guard slots <= 1 << 16 else {
      throw refusal(
        group, .configuration, "its arena has \(slots) slots", "give it 65,536 at most")
    }
    let shipment = Shipment(
      role: .tenant, ringSize: Self.ringSize(for: slots), chunkSize: allocator.chunkSize,
      verdicts: [], packetLimit: slots)
    let export = try open(group, arena, socket, terms, shipment)
    serve(export)
    return export
  }

  /// Ends an export: what the process has comes home, and its channel closes.
  ///
  /// What it has mapped it can still read. Nothing happens if the export is over.
  public mutating func end(_ export: FlowExport) { end(export, .application) }

  /// What went to the process and came back, also when the export is over and its number was not
  /// used again; nil after that.
  public func report(of export: FlowExport) -> ExportReport? { exports.report(of: export) }

  /// Whether an export goes on.
  public func isOpen(_ export: FlowExport) -> Bool {
    exports.states.indices.contains(export.index) && exports.name(at: export.index) == export
  }

  /// Zeroes the arena of a group that is not exported any more, before the next process of the same
  /// user is given it.
  ///
  /// It stays that user's for as long as the memory lives: pages can be kept, or exchanged for
  /// others, in ways that the kernel tells nobody of, so no zeroing makes them another user's.
  /// False, and nothing happens, while a process may have it mapped, or a frame of it is in use:
  /// with a port that receives into it, a consumer, a tenant's send or the application. Costs what
  /// writing the arena costs.
  public mutating func clearArena(of group: FlowGroup) -> Bool {
    guard let addresses = arenaAddresses(of: group),
      let claim = exports.arenas.takeToClear(group)
    else { return false }
    // No engine gives it away meanwhile.
    defer { withExtendedLifetime(claim) {} }
    guard control.umem?.isPartSeen(at: addresses.lowerBound) != true else { return false }
    for index in ports.indices { drainCompletions(index) }
    allocator.letGo(of: group)
    // An engine that went with an export did not say that it is over.
    allocator.withdraw(group)
    guard let arena = allocator.closeArena(of: group) else { return false }
    memory.zero(arena.addresses)
    return allocator.returnZeroed(arena)
  }

  /// Whether a process that was given a group's arena may still have it open or mapped, its export
  /// being over or not.
  ///
  /// If not, pages of it may still be in a pipe: nobody else's packets come there (`clearArena`).
  public func isArenaSeen(of group: FlowGroup) -> Bool {
    guard let addresses = arenaAddresses(of: group) else { return false }
    return control.umem?.isPartSeen(at: addresses.lowerBound) == true
  }

  /// Throws if packets of the group cannot be put back in front of the stack they came from.
  private mutating func prepareInjection(
    for group: FlowGroup, _ terms: ExportTerms
  ) throws(XDPError) {
    let isGeneric = ports.indices.contains {
      ports[$0].group == group && control.bindings[$0].mode == .generic
    }
    guard !isGeneric, !terms.copies else {
      throw refusal(
        group, .configuration,
        isGeneric
          ? "in generic mode what is put back in front of the stack is taken off again"
          : "a copy does not say which interface it came from",
        "name a kernelPort, such as an end of a veth pair")
    }
    if exports.injection == nil { exports.injection = try StackInjection() }
  }

  private static func ringSize(for limit: Int) -> UInt32 {
    var size: UInt32 = 16
    while size < limit { size *= 2 }
    return size
  }
}

extension Engine {
  /// Opens the channel and tells the process.
  private mutating func open(
    _ group: FlowGroup, _ arena: Range<UInt64>, _ socket: consuming PeerSocket,
    _ terms: ExportTerms, _ shipment: Shipment
  ) throws(XDPError) -> FlowExport {
    // Nothing it sends may keep this thread.
    socket.refuseFiles()
    let peer = socket.peer()
    let claim = try claim(group, for: peer, terms, shipment.role)
    guard let index = exports.freePlace() else {
      throw refusal(
        group, .configuration, "an engine has \(ExportControl.limit) exports at most", "end one")
    }
    guard let file = control.umem?.openPart(at: arena.lowerBound) else {
      throw refusal(
        group, .system, "the arena's file cannot be opened again", "look whether /proc is mounted")
    }
    let memory = try ChannelMemory(size: shipment.ringSize)
    if exports.peers == nil { exports.peers = try PeerSet() }
    control.wakes.replace(
      at: EngineControl.peerPlace, with: exports.peers?.fileDescriptor ?? -1)
    // Before it can be, and whatever fails from here on.
    claim.noteSeen(by: peer?.user)
    try socket.ship(shipment.words, [file.fileDescriptor, memory.fileDescriptor])
    try exports.peers?.add(socket, number: index)
    exports.lastSerial += 1
    exports.count += 1
    // Strangers may be welcome now.
    for index in ports.indices where terms.isClosedWorld && ports[index].isEmpty {
      unstocked.insert(index)
    }
    allocator.export(group)
    let name = FlowExport(index: index, serial: exports.lastSerial)
    exports.endings[index] = nil
    exports.states[index] = ExportState(
      channel: Channel(memory, .owner, socket: socket), name: name, group: group, claim: claim,
      arena: arena, terms: terms, role: shipment.role, verdicts: shipment.verdicts,
      forwardPort: shipment.verdicts.contains(.forward) || shipment.role == .tenant
        ? terms.forwardPort : nil,
      kernelPort: shipment.verdicts.contains(.kernel) ? terms.kernelPort : nil,
      loans: LoanBook(capacity: shipment.role == .consumer ? shipment.packetLimit : 0),
      slots: TenantBook(
        byteCount: shipment.role == .tenant ? arena.count : 0, chunkSize: shipment.chunkSize),
      report: ExportReport(group: group, peer: peer))
    return name
  }

  /// Throws unless the group has pages of its own, or may have copies there.
  private func admit(_ group: FlowGroup, _ terms: ExportTerms) throws(XDPError) {
    switch placement(of: group) {
    // What else comes to its queues matters in zero copy alone, of which the claim knows.
    case .steered: break
    case .isolated where terms.copies: break
    case .isolated(let reason), .shared(let reason):
      throw refusal(
        group, .notExportable, "its packets lie in pages of other groups (\(reason))",
        "choose copies, which are counted, or steer it to a queue of its own")
    }
  }

  /// Takes the group's arena for a process; throws if another one has it, or the process would see
  /// what is not the group's or what another user left.
  private func claim(
    _ group: FlowGroup, for peer: PeerProcess?, _ terms: ExportTerms, _ role: Shipment.Role
  ) throws(XDPError) -> ArenaClaim {
    do throws(ArenaBook.Refusal) {
      return try exports.arenas.take(
        group, for: peer?.user, barsStrangers: role == .consumer && !terms.isClosedWorld)
    } catch {
      switch error {
      case .isOut:
        throw refusal(
          group, .notExportable, "it is exported to another process", "end that export first")
      case .isSeen(let before):
        let owner = before.map { "user \($0)" } ?? "a user that the kernel did not name"
        throw refusal(
          group, .notExportable,
          "\(owner) has seen its arena and may have kept or exchanged pages of it",
          "give the group to the same user again, or use another group or a new engine")
      case .admitsStrangers:
        let placement = placement(of: group)
        throw refusal(
          group, .notExportable,
          placement.grade == .exact
            ? "in zero copy the NIC may have written others' packets into its pages before all its"
              + " queues were its flows' alone"
            : "in zero copy the NIC writes others' packets into its pages too ("
              + placement.reason + ")",
          "give its flows queues of their own by filters, right after those were bound, or declare"
            + " a closed world if nothing else can arrive")
      }
    }
  }

  /// Where the group's own arena lies; nil if it has none.
  func arenaAddresses(of group: FlowGroup) -> Range<UInt64>? {
    allocator.arenas.first { $0.group == group }?.addresses
  }

  /// Where the group's arena lies; throws if it has none, or not of that kind.
  private func arena(of group: FlowGroup, isWritable: Bool) throws(XDPError) -> Range<UInt64> {
    guard let arena = arenaAddresses(of: group), control.umem != nil else {
      throw refusal(
        group, .notExportable, "its frames lie in memory that others use too",
        "give the group an arena of its own, in memory that the engine makes")
    }
    guard control.configuration.groups[group.index].isWritable == isWritable else {
      throw refusal(
        group, .notExportable,
        isWritable
          ? "its arena is sealed against all writers but this process"
          : "a tenant writes to its arena",
        isWritable ? "make the group writable" : "export a group that is not writable")
    }
    return arena
  }

  private func refusal(
    _ group: FlowGroup, _ kind: XDPError.Kind, _ reason: String, _ remedy: String
  ) -> XDPError {
    XDPError(
      kind, operation: "export flow group \(group.index)", reason: reason, remedy: remedy)
  }
}
