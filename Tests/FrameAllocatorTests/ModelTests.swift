import Expectations
import FrameAllocator
import MartletTestKit
import Testing

/// The memory as plainly as it can be said: for each granule, which frame has it.
private struct Model {
  struct Frame {
    var address: UInt64
    var length: Int
    var isSlot: Bool
    var custody: Custody

    var bytes: Range<UInt64> { address..<address + UInt64(length * 64) }
  }

  var owners: [Int?]
  var frames: [Frame] = []
  var nextIdentity = 0

  init(granules: Int) { owners = Array(repeating: nil, count: granules) }

  /// Takes granules that nobody has; false if somebody has one of them.
  mutating func take(_ address: UInt64, _ length: Int) -> Bool {
    let granules = Int(address / 64)..<Int(address / 64) + length
    guard granules.upperBound <= owners.count, granules.allSatisfy({ owners[$0] == nil }) else {
      return false
    }
    for granule in granules { owners[granule] = nextIdentity }
    nextIdentity += 1
    return true
  }

  mutating func give(_ address: UInt64, _ length: Int) {
    for granule in Int(address / 64)..<Int(address / 64) + length { owners[granule] = nil }
  }

  mutating func remove(at index: Int) {
    give(frames[index].address, frames[index].length)
    frames.swapAt(index, frames.count - 1)
    frames.removeLast()
  }
}

/// The model and the allocator side by side.
private struct Trial: ~Copyable {
  var allocator: FrameAllocator
  var model: Model
  var random: SeededGenerator
  let configuration: FrameAllocator.Configuration
  var failures = 0

  init(_ configuration: FrameAllocator.Configuration, seed: UInt64) throws {
    self.configuration = configuration
    allocator = try FrameAllocator(configuration)
    allocator.reserveFlights(200)
    model = Model(granules: configuration.byteCount / 64)
    random = SeededGenerator(seed: seed)
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

  mutating func step() {
    switch below(100) {
    case ..<35: allocate()
    case ..<48: allocateSlot()
    default: if !model.frames.isEmpty { change(below(model.frames.count)) }
    }
  }

  private mutating func allocate() {
    let most = below(4) == 0 ? min(allocator.maximumFrame, 12_000) : 1600
    let byteCount = 1 + below(most)
    let permission = below(9) == 0 ? Permission.critical : .normal
    guard let address = allocator.allocate(byteCount: byteCount, permission: permission) else {
      return failures += 1
    }
    let length = (byteCount + 63) / 64
    if let boundary = configuration.boundary {
      expect(Int(address) % boundary + length * 64 <= boundary)
    }
    expect(model.take(address, length))
    model.frames.append(.init(address: address, length: length, isSlot: false, custody: .held))
  }

  private mutating func allocateSlot() {
    guard let address = allocator.allocateSlot(custody: .fill(3)) else { return failures += 1 }
    let chunk = configuration.chunkSize
    if !configuration.isUnaligned { expectEqual(address % UInt64(chunk), 0) }
    expect(Int(address % 4096) + chunk <= 4096)
    expect(model.take(address, chunk / 64))
    model.frames.append(
      .init(address: address, length: chunk / 64, isSlot: true, custody: .fill(3)))
  }

  private mutating func change(_ index: Int) {
    let frame = model.frames[index]
    let inside = frame.address + UInt64(below(frame.length * 64))
    switch frame.custody {
    case .fill(3):
      expect(!allocator.release(inside))
      expect(!allocator.transfer(slotAt: frame.address, from: .fill(4), to: .received))
      expect(allocator.transfer(slotAt: frame.address, from: .fill(3), to: .received))
      model.frames[index].custody = .received
    case .transmit(5):
      expect(!allocator.release(inside))
      expect(!allocator.complete(inside, from: 4))
      expect(allocator.complete(frame.isSlot ? frame.address : inside, from: 5))
      model.remove(at: index)
    default: changeHeld(index, inside: inside)
    }
  }

  private mutating func changeHeld(_ index: Int, inside: UInt64) {
    let frame = model.frames[index]
    switch below(5) {
    case 0:
      guard allocator.dispatch(frame.address, to: 5) else { return expect(!frame.isSlot) }
      model.frames[index].custody = .transmit(5)
    case 1 where frame.length > 1:
      let first = below(frame.length)
      let kept = 1 + below(frame.length - first)
      let start = frame.address + UInt64(first * 64)
      expect(allocator.trim(to: start..<start + UInt64(kept * 64)) == start)
      model.give(frame.address, first)
      model.give(start + UInt64(kept * 64), frame.length - first - kept)
      model.frames[index] = .init(address: start, length: kept, isSlot: false, custody: .held)
    default:
      expect(allocator.extent(of: inside) == frame.bytes)
      expect(allocator.release(inside))
      expect(!allocator.release(inside))
      model.remove(at: index)
    }
  }

  func check() {
    expectSound(allocator)
    let ledger = allocator.ledger()
    expectEqual(ledger.total - ledger.free, model.frames.reduce(0) { $0 + $1.length })
    for (custody, granules) in [(Custody.received, ledger.received), (.held, ledger.held)] {
      expectEqual(
        granules, model.frames.reduce(0) { $0 + ($1.custody == custody ? $1.length : 0) })
    }
  }

  /// Gives everything back; then the memory must come out again in the longest frames there are.
  mutating func finish() {
    for frame in model.frames {
      switch frame.custody {
      case .fill(3): expect(allocator.release(frame.address, from: .fill(3)))
      case .transmit(5): expect(allocator.complete(frame.address, from: 5))
      default: expect(allocator.release(frame.address))
      }
    }
    let frames = exhaust(
      &allocator, byteCount: allocator.maximumFrame, permission: .critical)
    expectEqual(frames.count * allocator.maximumFrame, configuration.byteCount)
    expectSound(allocator)
  }
}

/// Random operations, side by side with a map of who has each granule.
@Suite struct ModelTests {
  /// Operations in each configuration: all in all a million where the environment asks for a long
  /// run.
  private static let operations = isNightly ? 1_000_000 : 6_000

  @Test(arguments: [0, 1, 2, 3, 9], [2048, 4096])
  func agreesWithTheModel(order: Int, chunkSize: Int) throws {
    for (isUnaligned, boundary) in [
      (false, nil), (true, nil), (false, chunkSize), (true, 4096),
    ] {
      for depth in [0, 3, 64] {
        var configuration = makeConfiguration(
          nodes: order == 9 ? 4 : 96 >> order, order: order, reserve: 2)
        configuration.chunkSize = chunkSize
        configuration.isUnaligned = isUnaligned
        configuration.boundary = boundary
        configuration.magazineDepth = depth
        configuration.trapsOnMisuse = false
        var trial = try Trial(configuration, seed: UInt64(order * 100 + depth))
        for number in 0..<Self.operations {
          trial.step()
          if number % 997 == 0 { trial.check() }
        }
        trial.check()
        if order != 9 { expect(trial.failures > 0) }
        trial.finish()
      }
    }
  }
}
