import FrameAllocator
import Testing

/// The allocator as plainly as it can be said: a list of chunks, everything else counted each time.
private struct Model {
  struct Chunk {
    var custody = Custody.free
    var group = 0
  }

  let reserve: Int
  /// Per group, in chunks.
  let quotas: [Int]
  let guarantees: [Int]
  var chunks: [Chunk]

  func used(_ group: Int) -> Int {
    var count = 0
    for chunk in chunks where chunk.custody != .free && chunk.group == group { count += 1 }
    return count
  }

  func count(_ custody: Custody) -> Int {
    var count = 0
    for chunk in chunks where chunk.custody == custody { count += 1 }
    return count
  }

  /// Whether one more chunk for `group` leaves everybody else what was promised.
  func mayAllocate(_ group: Int, _ permission: Permission) -> Bool {
    guard quotas.indices.contains(group), used(group) < quotas[group] else { return false }
    var promised = 0
    if used(group) >= guarantees[group] {
      for other in quotas.indices { promised += max(0, guarantees[other] - used(other)) }
      if permission == .normal { promised += reserve }
    }
    return count(.free) > promised
  }
}

/// The model and the allocator side by side.
private struct Trial: ~Copyable {
  var allocator: FrameAllocator
  var model: Model
  var random: SeededGenerator
  static let custodies: [Custody] = [
    .received, .held, .fill(0), .fill(1), .transmit(0), .transmit(1), .transmit(4095),
  ]

  init(seed: UInt64) throws {
    random = SeededGenerator(seed: seed)
    let count = Int.random(in: 4...24, using: &random)
    let reserve = Int.random(in: 0...2, using: &random)
    let guarantees = [0, Int.random(in: 0...1, using: &random), 1]
    let quotas = [count, Int.random(in: 1...count, using: &random), count]
    allocator = try makeAllocator(
      chunks: count, reserve: reserve,
      groups: zip(quotas, guarantees).map { .init(quota: $0 * 2048, guarantee: $1 * 2048) })
    model = Model(
      reserve: reserve, quotas: quotas, guarantees: guarantees,
      chunks: [Model.Chunk](repeating: Model.Chunk(), count: count))
  }

  /// Any byte of the memory, seldom one outside.
  mutating func anyAddress() -> UInt64 {
    if Int.random(in: 0..<50, using: &random) == 0 {
      return UInt64(model.chunks.count) * 2048 + random.next()
        >> UInt64.random(in: 1...52, using: &random)
    }
    return UInt64.random(in: 0..<UInt64(model.chunks.count) * 2048, using: &random)
  }

  mutating func anyCustody() -> Custody {
    Self.custodies[Int.random(in: 0..<Self.custodies.count, using: &random)]
  }

  /// One random call of both; nil, or what they disagree on.
  mutating func step() -> String? {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<45: return allocate()
    case 45..<60: return release()
    case 60..<98: return transfer()
    default: return reclaim()
    }
  }

  private mutating func allocate() -> String? {
    let group = Int.random(in: -1...3, using: &random)
    let permission: Permission = Bool.random(using: &random) ? .normal : .critical
    let custody = anyCustody()
    let address = allocator.allocate(
      byteCount: Int.random(in: 1...2048, using: &random), group: FlowGroup(index: group),
      permission: permission, custody: custody)
    let isExpected = model.mayAllocate(group, permission)
    guard let address else { return isExpected ? "nothing for group \(group)" : nil }
    guard isExpected else { return "group \(group) got what it must not have" }
    let number = Int(address / 2048)
    guard address % 2048 == 0, model.chunks[number].custody == .free else {
      return "\(address) was given, which is not free"
    }
    model.chunks[number] = Model.Chunk(custody: custody, group: group)
    return nil
  }

  private mutating func release() -> String? {
    let address = anyAddress()
    let custody = Bool.random(using: &random) ? anyCustody() : nil
    let isDone = custody.map { allocator.release(address, from: $0) } ?? allocator.release(address)
    let wanted = custody.map { [$0] } ?? [.held, .received]
    return finish(isDone, address, from: wanted, to: .free)
  }

  private mutating func transfer() -> String? {
    let address = anyAddress()
    let from = anyCustody()
    let to = anyCustody()
    switch Int.random(in: 0..<3, using: &random) {
    case 0:
      return finish(
        allocator.transfer(address, from: from, to: to), address, from: [from], to: to)
    case 1:
      return finish(
        allocator.transferFromApplication(address, to: to), address, from: [.held, .received],
        to: to)
    default:
      let place = allocator.place(of: address, in: from)
      if let place { allocator.move(place, from: from, to: to) }
      return finish(place != nil, address, from: [from], to: to)
    }
  }

  /// Does the same to the model.
  private mutating func finish(
    _ isDone: Bool, _ address: UInt64, from custodies: [Custody], to custody: Custody
  ) -> String? {
    let number = Int(address / 2048)
    let isExpected =
      model.chunks.indices.contains(number) && custodies.contains(model.chunks[number].custody)
    if isExpected { model.chunks[number].custody = custody }
    return isDone == isExpected ? nil : "\(custodies) -> \(custody) of \(address): \(isDone)"
  }

  private mutating func reclaim() -> String? {
    let holder = [0, 1, 4095][Int.random(in: 0..<3, using: &random)]
    let lost = allocator.reclaim(from: holder)
    let expected = (model.count(.fill(holder)), model.count(.transmit(holder)))
    for number in model.chunks.indices {
      let custody = model.chunks[number].custody
      if custody == .fill(holder) || custody == .transmit(holder) {
        model.chunks[number].custody = .free
      }
    }
    return lost == expected ? nil : "reclaimed \(lost), not \(expected)"
  }

  /// What differs between the two now.
  borrowing func difference() -> String? {
    if let broken = allocator.audit() { return broken }
    for number in model.chunks.indices {
      let custody = allocator.custody(of: UInt64(number) * 2048)
      if custody != model.chunks[number].custody { return "chunk \(number) is \(custody as Any)" }
    }
    let ledger = allocator.ledger()
    let sum = ledger.free + ledger.fill + ledger.received + ledger.held + ledger.transmit
    return sum == model.chunks.count * 32 ? nil : "the ledger adds up to \(sum)"
  }
}

@Suite struct ModelTests {
  @Test("Random calls do what a naive model says", arguments: 1...10 as ClosedRange<UInt64>)
  func agreesWithTheModel(_ seed: UInt64) throws {
    var trial = try Trial(seed: seed)
    for step in 0..<50_000 {
      var trouble = trial.step()
      if step % 16 == 0 { trouble = trouble ?? trial.difference() }
      if let trouble {
        Issue.record("seed \(seed), step \(step): \(trouble)")
        return
      }
    }
    expectEqual(trial.difference(), nil)
  }
}
