/// Finds a Toeplitz key that puts flows where they are wanted.
///
/// Every bit of a bucket is an exclusive or of key bits, chosen by the flow's bits: one linear
/// equation over GF(2). With n flows and a table of 2^m queues that is n * m equations for the 320
/// or 416 bits of the key. Bits that no equation fixes stay as they are in the key that the NIC
/// has, so that other traffic is spread as well as before.
public struct HashKeySolver: Sendable {
  /// Queues in the table: a power of two.
  public let tableSize: Int
  /// Bytes of the key.
  public let keyByteCount: Int

  /// A solver for a NIC with these sizes; `tableSize` is a power of two, at most 2^31.
  public init(tableSize: Int, keyByteCount: Int) {
    precondition(tableSize > 0 && tableSize & (tableSize - 1) == 0, "not a power of two")
    precondition(tableSize <= 1 << 31, "a hash has 32 bits")
    precondition(keyByteCount >= 4, "a Toeplitz key has 32 bits at least")
    self.tableSize = tableSize
    self.keyByteCount = keyByteCount
  }

  /// A flow, and the bucket it shall be in.
  public struct Wish: Sendable, Hashable {
    /// What the NIC hashes of the flow.
    public var input: [UInt8]
    /// Where it shall be in the table.
    public var bucket: Int

    /// The flow whose hashed bytes are `input` in `bucket`.
    public init(_ input: [UInt8], bucket: Int) {
      self.input = input
      self.bucket = bucket
    }
  }

  /// A key with which every wish comes true, as near to `key` as that leaves free.
  ///
  /// Throws `.dependent` if the wishes contradict each other, whatever the key.
  public func key(
    placing wishes: [Wish], near key: [UInt8]
  ) throws(HashKeyError) -> [UInt8] {
    var equations = LinearSystem(unknownCount: 8 * keyByteCount)
    for (index, wish) in wishes.enumerated() {
      try check(wish.input)
      guard (0..<tableSize).contains(wish.bucket) else { throw .noSuchBucket(wish.bucket) }
      guard equations.add(rows(of: wish.input), equalling: wish.bucket) else {
        throw .dependent(index)
      }
    }
    return bytes(equations.solution(near: bits(key)))
  }

  /// A key that gives each of `flows` a bucket of its own, and none of them to one of `others`.
  ///
  /// Equal inputs among `others` are fine. Throws `.same` if two flows look the same to the NIC,
  /// `.tooMany` if there are more flows than buckets, `.dependent` if no key does it, and
  /// `.notFound` if the search was given up: the more others, the longer it takes.
  public func key(
    separating flows: [[UInt8]], from others: [[UInt8]] = [], near key: [UInt8]
  ) throws(HashKeyError) -> [UInt8] {
    for input in flows + others { try check(input) }
    for (index, input) in flows.enumerated() {
      if let other = flows[..<index].firstIndex(of: input) { throw .same(other, index) }
      if let other = others.firstIndex(of: input) { throw .same(index, flows.count + other) }
    }
    let strangers = Array(Set(others)).sorted { $0.lexicographicallyPrecedes($1) }
    guard flows.count + (strangers.isEmpty ? 0 : 1) <= tableSize else { throw .tooMany }
    var search = BucketSearch(solver: self, inputs: flows + strangers, flowCount: flows.count)
    let now = Toeplitz(key: bytes(bits(key)))
    search.preferred = (flows + strangers).map { now.bucket($0, tableSize: tableSize) }
    let start = LinearSystem(unknownCount: 8 * keyByteCount)
    guard let equations = search.place(0, start) else {
      throw search.gaveUp ? .notFound : .dependent(search.deepest)
    }
    return bytes(equations.solution(near: bits(key)))
  }

  private func check(_ input: [UInt8]) throws(HashKeyError) {
    guard input.count + 4 <= keyByteCount else { throw .keyTooShort }
  }

  /// For every bit of the bucket, the lowest first, the key bits whose exclusive or it is.
  func rows(of input: [UInt8]) -> [BitRow] {
    (0..<tableSize.trailingZeroBitCount).map { place in
      var row = BitRow(count: 8 * keyByteCount)
      for index in 0..<8 * input.count where input[index / 8] >> (7 - index % 8) & 1 == 1 {
        // Bit 31 of the hash's 32, counted from the highest, is the bucket's lowest.
        row.insert(index + 31 - place)
      }
      return row
    }
  }

  /// A key's bits; one that is too short ends in zeros.
  private func bits(_ key: [UInt8]) -> BitRow {
    var row = BitRow(count: 8 * keyByteCount)
    for index in 0..<min(8 * key.count, 8 * keyByteCount)
    where key[index / 8] >> (7 - index % 8) & 1 == 1 {
      row.insert(index)
    }
    return row
  }

  private func bytes(_ row: BitRow) -> [UInt8] {
    (0..<keyByteCount).map { byte in
      (0..<8).reduce(UInt8(0)) { $0 << 1 | (row.contains(8 * byte + $1) ? 1 : 0) }
    }
  }
}

/// Why there is no key.
public enum HashKeyError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Two of the inputs, by their numbers, are equal: the NIC cannot tell the flows apart.
  case same(Int, Int)
  /// The bucket of the input with this number follows from the inputs before it, whatever the key.
  case dependent(Int)
  /// There are more flows than buckets.
  case tooMany
  /// The table has no such bucket.
  case noSuchBucket(Int)
  /// An input has more bytes than the key has without four.
  case keyTooShort
  /// There may be one, but it was not found in a bounded search.
  case notFound

  /// The reason in words.
  public var description: String {
    switch self {
    case .same(let first, let second): "flows \(first) and \(second) are the same to the NIC"
    case .dependent(let index):
      "the bucket of flow \(index) follows from those of the others, whatever the key"
    case .tooMany: "there are more flows than buckets"
    case .noSuchBucket(let bucket): "the table has no bucket \(bucket)"
    case .keyTooShort: "the key is too short for such packets"
    case .notFound: "no key was found in a bounded search"
    }
  }
}

/// Looks for buckets for all inputs, one after the other: the flows' all different, the strangers'
/// different from those.
private struct BucketSearch {
  let solver: HashKeySolver
  let inputs: [[UInt8]]
  let flowCount: Int
  /// Buckets that are tried first: where the flows are now.
  var preferred: [Int] = []
  /// Buckets of the flows that have one.
  var taken: Set<Int> = []
  /// The farthest flow that a bucket was looked for.
  var deepest = 0

  /// How often equations were tried; without a bound a search among many strangers would not end.
  private var tries = 0
  private static let limit = 50_000

  init(solver: HashKeySolver, inputs: [[UInt8]], flowCount: Int) {
    self.solver = solver
    self.inputs = inputs
    self.flowCount = flowCount
  }

  var gaveUp: Bool { tries >= Self.limit }

  /// The equations with which the inputs from `index` on have their places too.
  mutating func place(_ index: Int, _ before: LinearSystem) -> LinearSystem? {
    guard index < inputs.count else { return before }
    deepest = max(deepest, index)
    let rows = solver.rows(of: inputs[index])
    for step in 0..<solver.tableSize {
      let bucket = preferred[index] ^ step
      if taken.contains(bucket) { continue }
      guard !gaveUp else { return nil }
      tries += 1
      var equations = before
      guard equations.add(rows, equalling: bucket) else { continue }
      if index < flowCount { taken.insert(bucket) }
      if let all = place(index + 1, equations) { return all }
      if index < flowCount { taken.remove(bucket) }
    }
    return nil
  }
}
