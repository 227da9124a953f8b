import MartletTestKit
import Steering
import Testing

/// The solver against brute force where all keys can be tried, and against the hash where not.
@Suite struct SolverTests {
  /// Inputs of one byte and tables of four: of the key's 40 bits only 30...38 have a part.
  static let allKeys: [[UInt8]] = (0..<512).map { bits in
    [0, 0, 0, UInt8(bits >> 7), UInt8(truncatingIfNeeded: bits << 1)]
  }

  @Test func wishesAgainstBruteForce() {
    var random = SeededGenerator(seed: 1)
    let solver = HashKeySolver(tableSize: 4, keyByteCount: 5)
    var possible = 0
    for _ in 0..<2_000 {
      let wishes = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        HashKeySolver.Wish(
          [.random(in: 0...255, using: &random)], bucket: .random(in: 0...3, using: &random))
      }
      let key = try? solver.key(placing: wishes, near: Self.allKeys[311])
      let exists = Self.allKeys.contains { holds(wishes, $0) }
      #expect((key != nil) == exists, "\(wishes)")
      if let key { #expect(holds(wishes, key), "\(wishes)") }
      possible += exists ? 1 : 0
    }
    // Both answers were really asked for.
    #expect((200...1_800).contains(possible), "\(possible)")
  }

  private func holds(_ wishes: [HashKeySolver.Wish], _ key: [UInt8]) -> Bool {
    wishes.allSatisfy { Toeplitz(key: key).bucket($0.input, tableSize: 4) == $0.bucket }
  }

  @Test func separationAgainstBruteForce() {
    var random = SeededGenerator(seed: 2)
    let solver = HashKeySolver(tableSize: 4, keyByteCount: 5)
    var possible = 0
    for _ in 0..<2_000 {
      let some = (0..<6).map { _ in [UInt8.random(in: 0...255, using: &random)] }
      let flows = Array(some.prefix(.random(in: 1...4, using: &random)))
      let others = Array(some.suffix(.random(in: 0...2, using: &random)))
      let key = try? solver.key(separating: flows, from: others, near: Self.allKeys[77])
      let exists = Self.allKeys.contains { separates(flows, others, $0) }
      #expect((key != nil) == exists, "\(flows) \(others)")
      if let key { #expect(separates(flows, others, key), "\(flows) \(others)") }
      possible += exists ? 1 : 0
    }
    #expect((200...1_990).contains(possible), "\(possible)")
  }

  private func separates(_ flows: [[UInt8]], _ others: [[UInt8]], _ key: [UInt8]) -> Bool {
    let hash = Toeplitz(key: key)
    let own = flows.map { hash.bucket($0, tableSize: 4) }
    let rest = others.map { hash.bucket($0, tableSize: 4) }
    return Set(own).count == own.count && Set(own).isDisjoint(with: rest)
  }

  @Test(arguments: [(12, 40, 128), (36, 40, 128), (12, 52, 512), (36, 52, 2048)])
  func manyFlowsGetTheirBuckets(byteCount: Int, keyByteCount: Int, tableSize: Int) throws {
    var random = SeededGenerator(seed: UInt64(byteCount + tableSize))
    let solver = HashKeySolver(tableSize: tableSize, keyByteCount: keyByteCount)
    let key = bytes(keyByteCount, &random)
    let wishes = (0..<8).map { _ in
      HashKeySolver.Wish(
        bytes(byteCount, &random), bucket: .random(in: 0..<tableSize, using: &random))
    }
    let found = try solver.key(placing: wishes, near: key)
    for wish in wishes {
      #expect(Toeplitz(key: found).bucket(wish.input, tableSize: tableSize) == wish.bucket)
    }
  }

  @Test func flowsOfNeighbouringPortsAreSeparated() throws {
    // As one client's: they differ in the last bits alone.
    let flows = (0..<16).map { [10, 0, 0, 1, 10, 0, 0, 2, 0x9C, UInt8(0x40 + $0), 0x14, 0x51] }
    let others = (16..<24).map { [10, 0, 0, 1, 10, 0, 0, 2, 0x9C, UInt8(0x40 + $0), 0x14, 0x51] }
      .map { $0.map { UInt8($0) } }
    let inputs = flows.map { $0.map { UInt8($0) } }
    let solver = HashKeySolver(tableSize: 128, keyByteCount: 40)
    let key = try solver.key(separating: inputs, from: others, near: publishedKey)
    let hash = Toeplitz(key: key)
    let own = Set(inputs.map { hash.bucket($0, tableSize: 128) })
    #expect(own.count == 16)
    #expect(own.isDisjoint(with: others.map { hash.bucket($0, tableSize: 128) }))
  }

  @Test func whatIsFreeStays() throws {
    let solver = HashKeySolver(tableSize: 128, keyByteCount: 40)
    let input: [UInt8] = [10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4]
    let bucket = Toeplitz(key: publishedKey).bucket(input, tableSize: 128)
    let wish = HashKeySolver.Wish(input, bucket: bucket)
    #expect(try solver.key(placing: [wish], near: publishedKey) == publishedKey)
    #expect(try solver.key(separating: [input], near: publishedKey) == publishedKey)
    let moved = HashKeySolver.Wish(input, bucket: bucket ^ 1)
    let key = try solver.key(placing: [moved], near: publishedKey)
    let flipped = zip(key, publishedKey).map { ($0 ^ $1).nonzeroBitCount }.reduce(0, +)
    #expect((1...7).contains(flipped), "\(flipped)")
  }

  @Test func whatCannotBe() {
    let solver = HashKeySolver(tableSize: 4, keyByteCount: 8)
    func refusal(_ flows: [[UInt8]], _ others: [[UInt8]] = []) -> HashKeyError? {
      do throws(HashKeyError) {
        _ = try solver.key(separating: flows, from: others, near: [])
        return nil
      } catch { return error }
    }
    #expect(refusal([[1], [2], [1]]) == .same(0, 2))
    #expect(refusal([[1], [2]], [[3], [2]]) == .same(1, 3))
    #expect(refusal([[1], [2], [3], [4], [5]]) == .tooMany)
    #expect(refusal([[1], [2], [3], [4]], [[5]]) == .tooMany)
    #expect(refusal([[1, 2, 3, 4, 5]]) == .keyTooShort)
    // No input and zeros both hash to 0, whatever the key.
    #expect(refusal([[0], []]) == .dependent(1))
    #expect(refusal([[7], [5]]) == nil)
  }

  @Test func contradictingWishes() {
    let solver = HashKeySolver(tableSize: 128, keyByteCount: 40)
    // The third is the sum of the others, and so is its bucket.
    let flows: [([UInt8], Int)] = [([0x81, 0x35], 5), ([0x42, 0x0B], 9), ([0xC3, 0x3E], 5 ^ 9)]
    let wishes = flows.map { HashKeySolver.Wish($0.0, bucket: $0.1) }
    #expect(throws: Never.self) { try solver.key(placing: wishes, near: publishedKey) }
    var wrong = wishes
    wrong[2].bucket ^= 64
    #expect(throws: HashKeyError.dependent(2)) {
      try solver.key(placing: wrong, near: publishedKey)
    }
    #expect(throws: HashKeyError.noSuchBucket(128)) {
      try solver.key(placing: [.init([1], bucket: 128)], near: publishedKey)
    }
  }

  private func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in .random(in: 0...255, using: &random) }
  }
}
