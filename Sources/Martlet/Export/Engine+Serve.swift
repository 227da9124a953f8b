internal import Steering
internal import XSK

extension Engine {
  /// Takes one burst off a port, shows its packets to the consumer and does what the consumer said
  /// of earlier ones.
  ///
  /// Returns how many packets it took. Packets that the consumer has no place for are dropped and
  /// counted (`stalled`); after the export's end all are (`late`). No system call but to wake a
  /// consumer that sleeps, once a burst.
  @discardableResult
  public mutating func deliver(from port: Port, to export: FlowExport) -> Int {
    var count = 0
    guard var state = exports.take(export) else {
      while let frame = receive(from: port) {
        release(frame)
        count &+= 1
      }
      exports.countLate(count, for: export)
      return count
    }
    if state.role == .consumer { takeVerdicts(&state) }
    while let frame = receive(from: port) {
      lend(frame, &state)
      count &+= 1
    }
    publish(&state)
    exports.put(state)
    return count
  }

  /// Shows one packet to the consumer; `wait` publishes it, at the latest, and `serve` does.
  ///
  /// A packet that the consumer has no place for, or that it must not see, is dropped and counted;
  /// after the export's end each is (`late`).
  public mutating func deliver(_ frame: consuming Frame, to export: FlowExport) {
    guard var state = exports.take(export) else {
      release(frame)
      return exports.countLate(1, for: export)
    }
    lend(frame, &state)
    exports.put(state)
  }

  /// Does what the process said: a consumer's verdicts, a tenant's packets to send; and publishes
  /// what it gets.
  ///
  /// `wait` does it for every export. Returns how many entries of the process were looked at.
  @discardableResult
  public mutating func serve(_ export: FlowExport) -> Int {
    guard var state = exports.take(export) else { return 0 }
    let count = state.role == .consumer ? takeVerdicts(&state) : takeSubmissions(&state)
    if state.role == .tenant { giveSlots(&state) }
    if count > 0 || state.isDirty { publish(&state) }
    let isBroken = state.channel.isBroken || state.nonsense > Self.nonsenseLimit
    exports.put(state)
    if isBroken { end(export, .broken) }
    return count
  }

  /// Entries that name nothing the process has, which no honest one says: each takes the engine's
  /// time, and there could be a ring full of them at every turn.
  private static let nonsenseLimit = 256

  /// Serves every export, for `wait`; ends those whose process stalls.
  mutating func serveExports() {
    for index in exports.states.indices {
      guard let name = exports.name(at: index) else { continue }
      serve(name)
      checkStall(name)
    }
  }

  /// Gives tenants the slots that were sent, for `wait`; says whether some are still on their way,
  /// or packets wait for room, neither of which has an event.
  mutating func returnSlots() -> Bool {
    var mustRetry = false
    for index in exports.states.indices {
      guard var state = exports.states[index].take() else { continue }
      if state.role == .tenant, state.slots.missing > 0 {
        giveSlots(&state)
        if state.isDirty { publish(&state) }
        if state.slots.missing > 0 { mustRetry = true }
      }
      if state.waiting > 0 { mustRetry = true }
      exports.put(state)
    }
    return mustRetry
  }

  /// Says to every process that the engine is going to sleep; false if one has published something
  /// since it was served.
  mutating func sleepExports() -> Bool {
    var maySleep = true
    for index in exports.states.indices {
      guard var state = exports.states[index].take() else { continue }
      if !state.channel.prepareToSleep(for: state.waiting + 1) { maySleep = false }
      exports.put(state)
    }
    return maySleep
  }

  /// Says to every process that the engine is awake, and finds out which are gone or, if it slept,
  /// stall.
  mutating func wakeExports(havingSlept: Bool) {
    awaken()
    // What they said meanwhile is done first.
    if havingSlept, exports.timeToStall == .zero { serveExports() }
  }

  private mutating func awaken() {
    for index in exports.states.indices {
      guard let state = exports.states[index].take() else { continue }
      state.channel.endSleep()
      exports.put(state)
    }
    guard control.wakes.isReady(at: EngineControl.peerPlace), let peers = exports.peers?.ready()
    else { return }
    for index in peers { look(at: index) }
  }

  /// Takes a process's wake-ups; ends its export if it is gone, or wakes the engine more often than
  /// that slept.
  private mutating func look(at index: Int) {
    guard exports.states.indices.contains(index), var state = exports.states[index].take() else {
      return
    }
    let name = state.name
    let wakes = state.channel.socket.takeWakes(Self.wakeBurst)
    state.wakeCount += UInt64(wakes ?? 0)
    let isBroken = state.wakeCount > state.channel.sleepCount
    exports.put(state)
    if wakes == nil {
      // What it said before it went is done.
      serve(name)
      end(name, .peerGone)
    } else if isBroken {
      end(name, .broken)
    }
  }

  /// Wake-ups that are taken at a time.
  private static let wakeBurst = 16

  private mutating func checkStall(_ export: FlowExport) {
    guard var state = exports.take(export) else { return }
    guard state.terms.stallLimit != nil, state.loans.count > 0 else {
      state.lastSign = nil
      return exports.put(state)
    }
    let now = ExportState.epoch.duration(to: .now)
    if state.lastSign == nil { state.lastSign = now }
    let isOver = state.stallDeadline.map { $0 <= now } == true
    exports.put(state)
    if isOver { end(export, .stalled) }
  }

  /// Ends an export: what the process has comes home, and its channel closes.
  mutating func end(_ export: FlowExport, _ ending: ExportReport.Ending) {
    guard var state = exports.take(export) else { return }
    exports.count -= 1
    exports.peers?.remove(state.channel.socket)
    state.report.broughtHome = UInt64(state.loans.count + state.slots.count)
    state.report.wakes = state.channel.wakeCount
    state.report.ending = ending
    // What it reads from here on may be the next packet's already.
    state.channel.close()
    let identity = memory.identity
    state.loans.takeAll { release(Frame($0, memory: identity)) }
    let start = state.arena.lowerBound
    state.slots.takeAll { offset in
      allocator.release(start + offset)
      balance &-= 1
    }
    // Before the claim goes with the state: from then on another engine may give it away.
    allocator.withdraw(state.group)
    exports.endings[export.index] = ExportControl.Ended(
      serial: export.serial, report: state.report)
  }
}

extension Engine {
  /// Shows what was put into a channel.
  private func publish(_ state: inout ExportState) {
    state.channel.publish()
    state.isDirty = false
  }

  /// Puts a packet into a consumer's channel, or drops it.
  @inline(__always)
  private mutating func lend(_ frame: consuming Frame, _ state: inout ExportState) {
    let facts = frame.lifted
    let remains = frame.spend(in: memory.identity)
    guard _fastPath(state.holds(remains.address) && remains.fragments == 1) else {
      return lendCopy(remains, facts, &state)
    }
    lend(remains, facts, &state)
  }

  @inline(__always)
  private mutating func lend(
    _ remains: Frame.Remains, _ facts: PacketFacts, _ state: inout ExportState
  ) {
    guard state.role == .consumer, state.loans.freeCount != 0, state.channel.sender.hasRoom else {
      state.report.stalled &+= 1
      return release(Frame(remains, memory: memory.identity))
    }
    let offset = remains.address &- state.arena.lowerBound
    let ticket = state.loans.lend(remains)
    state.channel.sender.put(
      ChannelEntry(PacketWord(offset: offset, count: remains.extent).bits, ticket),
      FactWords(facts).entry)
    state.report.packets &+= 1
    state.report.bytes &+= remains.extent
    state.isDirty = true
  }

  /// Copies a packet that lies elsewhere into the arena, if the terms say so, and shows it.
  @inline(never)
  private mutating func lendCopy(
    _ remains: Frame.Remains, _ facts: PacketFacts, _ state: inout ExportState
  ) {
    guard state.terms.copies, remains.fragments == 1, state.loans.freeCount != 0 else {
      if state.loans.freeCount == 0 { state.report.stalled &+= 1 } else { state.report.unfit &+= 1 }
      return release(Frame(remains, memory: memory.identity))
    }
    guard let copy = settle(Frame(remains, memory: memory.identity), in: state.group) else {
      state.report.unfit &+= 1
      return
    }
    state.report.copied &+= 1
    lend(copy.spend(in: memory.identity), facts, &state)
  }

  /// Does what a consumer said of its packets.
  @discardableResult
  private mutating func takeVerdicts(_ state: inout ExportState) -> Int {
    let count = state.channel.receiver.peek()
    guard count != 0 else { return 0 }
    let outstanding = state.loans.count
    state.isDirty = true
    var injections = 0
    while state.channel.receiver.remaining != 0, injections < Self.injectionLimit {
      let entry = state.channel.receiver.take()
      guard let remains = state.loans.takeBack(entry.first) else {
        state.report.refused &+= 1
        state.nonsense += 1
        continue
      }
      let frame = Frame(remains, memory: memory.identity)
      switch FlowVerdict(rawValue: UInt8(truncatingIfNeeded: entry.second)) {
      case .drop:
        state.report.dropped &+= 1
        release(frame)
      case .forward where state.forwardPort != nil:
        state.report.forwarded &+= 1
        send(frame, to: state.forwardPort)
      case .kernel where state.kernelPort != nil:
        state.report.toKernel &+= 1
        send(frame, to: state.kernelPort)
      case .kernel where state.terms.injectsIntoStack && state.verdicts.contains(.kernel):
        injections += 1
        if inject(remains) { state.report.toKernel &+= 1 } else { state.report.unfit &+= 1 }
        release(frame)
      default:
        state.report.refused &+= 1
        release(frame)
      }
    }
    // Words that give nothing back are no sign of life.
    if state.loans.count != outstanding { state.lastSign = nil }
    return Int(count - state.channel.receiver.remaining)
  }

  /// Most packets that go back to the stack each time verdicts are taken: what a consumer may cost
  /// the others' packets.
  private static let injectionLimit = 8

  /// Puts a packet back in front of the stack of the interface it came from.
  @inline(never)
  private func inject(_ remains: Frame.Remains) -> Bool {
    guard ports.indices.contains(remains.origin) else { return false }
    let bytes = memory.span(
      at: remains.address, count: Int(truncatingIfNeeded: remains.extent))
    let interface = control.bindings[remains.origin].interface
    return exports.injection?.inject(bytes, on: interface) == true
  }

  @inline(__always)
  private mutating func send(_ frame: consuming Frame, to port: Port?) {
    guard let port else { return release(frame) }
    send(frame, to: port)
  }

  /// Sends what a tenant submitted, as far as the port has room: the rest waits in its channel.
  ///
  /// For a port whose interface is gone nothing waits: `send` drops it and counts it.
  private mutating func takeSubmissions(_ state: inout ExportState) -> Int {
    guard let port = state.forwardPort else { return 0 }
    let submitted = state.channel.receiver.peek()
    let room = ports[port.index].isRetired ? Int(submitted) : sendRoom(of: port)
    var left = min(Int(submitted), room)
    let count = left
    state.waiting = submitted - UInt32(count)
    while left > 0 {
      left -= 1
      let word = PacketWord(bits: state.channel.receiver.take().first)
      guard let slot = state.slots.take(word.offset, count: word.count) else {
        state.report.refused &+= 1
        state.nonsense += 1
        continue
      }
      state.report.packets &+= 1
      state.report.bytes &+= word.count
      let start = state.arena.lowerBound
      let remains = Frame.Remains(
        address: start + word.offset, extent: word.count,
        layout: .slot(allocator.slots.place(ofSlotAt: start + slot)), origin: Frame.ownOrigin)
      send(Frame(remains, memory: memory.identity), to: port)
    }
    return count
  }

  /// Gives a tenant the slots of its arena that came home.
  private mutating func giveSlots(_ state: inout ExportState) {
    while state.slots.missing > 0, state.channel.sender.hasRoom,
      let address = allocator.allocateSlot(group: state.group, custody: .held)
    {
      let offset = address - state.arena.lowerBound
      guard state.slots.give(offset) else {
        allocator.release(address)
        return
      }
      balance &+= 1
      state.channel.sender.put(ChannelEntry(offset, 0))
      state.isDirty = true
    }
  }
}
