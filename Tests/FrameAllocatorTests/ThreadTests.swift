import Expectations
import FrameAllocator
import Glibc
import MartletTestKit
import Synchronization
import Testing

/// Frames on their way from one test thread to another.
private final class Post: Sendable {
  private let frames = Mutex<[UInt64]>([])

  func put(_ batch: [UInt64]) { frames.withLock { $0 += batch } }

  func takeAll() -> [UInt64] {
    frames.withLock { frames in
      defer { frames = [] }
      return frames
    }
  }
}

/// Allocates and releases frames of random lengths, and releases all in the end.
private func churn(_ allocator: inout FrameAllocator, operations: Int, seed: UInt64) {
  var random = SeededGenerator(seed: seed)
  var held: [UInt64] = []
  for _ in 0..<operations {
    if Bool.random(using: &random), let frame = held.popLast() {
      allocator.release(frame)
    } else if let frame = allocator.allocate(byteCount: Int.random(in: 1...1500, using: &random)) {
      held.append(frame)
    }
  }
  for frame in held { allocator.release(frame) }
}

/// What one worker does to frames of all kinds, its own and those that another hands it.
private struct Traffic {
  let worker: Int
  var random: SeededGenerator

  init(worker: Int) {
    self.worker = worker
    random = SeededGenerator(seed: UInt64(worker))
  }

  /// Up to 32 frames, packed or slots, some of them trimmed.
  mutating func make(with allocator: inout FrameAllocator) -> [UInt64] {
    var batch: [UInt64] = []
    for _ in 0..<32 {
      let group = FlowGroup(index: Int.random(in: 0..<2, using: &random))
      let byteCount = Int.random(in: 1...1500, using: &random)
      let found =
        Bool.random(using: &random)
        ? allocator.allocateSlot(group: group, custody: .received)
        : allocator.allocate(byteCount: byteCount, group: group)
      guard var frame = found else { continue }
      if Int.random(in: 0..<3, using: &random) == 0, let bytes = allocator.extent(of: frame) {
        // Slots and packed frames then lie side by side in a page, on two threads.
        let head = UInt64(Int.random(in: 0..<bytes.count, using: &random))
        frame = allocator.trim(to: bytes.lowerBound + head..<bytes.upperBound) ?? frame
      }
      batch.append(frame)
    }
    return batch
  }

  /// Sends or releases what came from elsewhere; says how many were refused.
  mutating func spend(_ frames: [UInt64], with allocator: inout FrameAllocator) -> Int {
    var refused = 0
    for frame in frames {
      if Bool.random(using: &random), allocator.dispatch(frame, to: worker) {
        if !allocator.complete(frame, from: worker) { refused += 1 }
      } else if !allocator.release(frame) {
        refused += 1
      }
    }
    return refused
  }
}

/// What several threads do to one memory at once; `tools/thread-sanitizer` runs these.
@Suite struct ThreadTests {
  @Test("The reserve is exact beside the caches of eight workers")
  func reserveOfWorkers() throws {
    let pool = try FramePool(makeConfiguration(nodes: 512, reserve: 40, workers: 8))
    let (done, normal, critical, refused) = (Tally(), Tally(), Tally(), Tally())
    onThreads(8) { worker in
      var allocator = pool.makeAllocator(worker: worker)
      churn(&allocator, operations: isNightly ? 1_000_000 : 20_000, seed: UInt64(worker))
      normal.add(exhaust(&allocator).count)
      done.add(1)
      // No one takes of the reserve before everyone has what is normal.
      while done.value < 8 { sched_yield() }
      critical.add(exhaust(&allocator, permission: .critical).count)
      refused.add(allocator.refusalCount)
    }
    expectEqual(normal.value, (512 - 40) * 64)
    expectEqual(critical.value, 40 * 64)
    expectEqual(refused.value, 0)
    #expect(pool.audit() == nil)
  }

  @Test("A worker that only allocates and one that only releases run in bounded memory")
  func pair() throws {
    let count = isNightly ? 100_000_000 : 300_000
    let pool = try FramePool(makeConfiguration(nodes: 64, workers: 2))
    let post = Post()
    let (released, refused, home) = (Tally(), Tally(), Tally())
    onThreads(2) { worker in
      var allocator = pool.makeAllocator(worker: worker)
      if worker == 0 {
        send(count, from: &allocator, by: post)
        while released.value < count { sched_yield() }
        allocator.collect()
        home.add(allocator.ledger().free)
      } else {
        while released.value < count {
          let frames = post.takeAll()
          for frame in frames where !allocator.release(frame) { refused.add(1) }
          allocator.collect()
          released.add(frames.count)
          if frames.isEmpty { sched_yield() }
        }
      }
      refused.add(allocator.refusalCount)
    }
    expectEqual(refused.value, 0)
    expectEqual(home.value, 64 * 64)
  }

  /// Allocates `count` frames and posts them, in batches of at most 64.
  private func send(_ count: Int, from allocator: inout FrameAllocator, by post: Post) {
    var sent = 0
    while sent < count {
      var batch: [UInt64] = []
      while batch.count < min(64, count - sent),
        let frame = allocator.allocate(byteCount: 64 + sent % 1400)
      {
        batch.append(frame)
      }
      post.put(batch)
      sent += batch.count
      if batch.isEmpty { sched_yield() }
    }
  }

  @Test(
    "Frames of every kind go round three workers, sent or released, and all come home",
    arguments: [(0, false), (0, true), (2, false), (2, true)])
  func carousel(order: Int, isUnaligned: Bool) throws {
    let (rounds, workers) = (isNightly ? 300_000 : 1_500, 3)
    let groups = [FlowGroup.Configuration(), .init(quota: 128 * 4096)]
    var configuration = makeConfiguration(
      nodes: 384 >> order, order: order, reserve: 2, groups: groups, workers: workers)
    configuration.isUnaligned = isUnaligned
    configuration.trapsOnMisuse = false
    let pool = try FramePool(configuration)
    let posts = (0..<workers).map { _ in Post() }
    let (done, drained, passed, refused) = (Tally(), Tally(), Tally(), Tally())
    let homeward = Tally()
    onThreads(workers) { worker in
      var allocator = pool.makeAllocator(worker: worker)
      allocator.reserveFlights(64)
      var traffic = Traffic(worker: worker)
      for _ in 0..<rounds {
        var batch = traffic.make(with: &allocator)
        // Where the others have all memory and do not run, a round waits for some.
        while batch.isEmpty {
          refused.add(traffic.spend(posts[worker].takeAll(), with: &allocator))
          allocator.collect()
          sched_yield()
          batch = traffic.make(with: &allocator)
        }
        passed.add(batch.count)
        posts[(worker + 1) % workers].put(batch)
        refused.add(traffic.spend(posts[worker].takeAll(), with: &allocator))
        allocator.collect()
      }
      done.add(1)
      // Whoever is done goes on giving back, or the others would wait for ever.
      while done.value < workers {
        refused.add(traffic.spend(posts[worker].takeAll(), with: &allocator))
        allocator.collect()
        sched_yield()
      }
      refused.add(traffic.spend(posts[worker].takeAll(), with: &allocator))
      drained.add(1)
      while drained.value < workers { sched_yield() }
      // First everyone shows what it has for the others, then everyone takes it in.
      for step in 1...16 {
        allocator.collect()
        homeward.add(1)
        while homeward.value < step * workers { sched_yield() }
      }
      refused.add(allocator.refusalCount)
    }
    expectEqual(refused.value, 0)
    expect(passed.value >= rounds * workers)
    #expect(pool.audit() == nil)
  }
}
