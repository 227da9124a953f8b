public import Wire

/// How a NIC spreads packets over its queues: receive-side scaling.
///
/// The low bits of a packet's hash say which entry of `table` names its queue.
public struct RSSSettings: Sendable, Hashable {
  /// The queue of each bucket.
  public var table: [Int]
  /// The hash's key; empty where the driver does not tell it.
  public var key: [UInt8]
  /// Which hash it is.
  public var function: HashFunction
  /// What is done to the fields before they are hashed; 0 is nothing (`RXH_XFRM_...`).
  public var transform: UInt8
  /// Which fields are hashed, for the kinds of packets that the driver tells it of.
  public var fields: [FlowClass: HashedFields]
  /// Receive queues of the interface.
  public let queueCount: Int

  /// Settings to compare with, or to apply.
  public init(
    table: [Int], key: [UInt8], function: HashFunction = .toeplitz, transform: UInt8 = 0,
    fields: [FlowClass: HashedFields] = [:], queueCount: Int
  ) {
    self.table = table
    self.key = key
    self.function = function
    self.transform = transform
    self.fields = fields
    self.queueCount = queueCount
  }

  /// Whether the table is the one that drivers begin with: the queues in turn.
  public var isEven: Bool {
    queueCount > 0 && table.enumerated().allSatisfy { $0.element == $0.offset % queueCount }
  }

  /// The bucket of a flow's packets, or why it is not known.
  ///
  /// Fragments are not meant: NICs hash only their addresses.
  public func bucket(of flow: FlowKey) throws(BucketError) -> Int {
    try Toeplitz(key: key).bucket(hashInput(of: flow), tableSize: table.count)
  }

  /// What is hashed of a flow's packets, or why that or what becomes of it is not known.
  public func hashInput(of flow: FlowKey) throws(BucketError) -> [UInt8] {
    guard !table.isEmpty, table.count & (table.count - 1) == 0 else {
      throw .table(table.count)
    }
    guard function == .toeplitz else { throw .function(function) }
    guard transform == 0 else { throw .transform }
    guard key.count >= 4 else { throw .noKey }
    let kind = FlowClass(of: flow)
    guard let fields = fields[kind] else { throw .unknownFields(kind) }
    guard fields.isComputable else { throw .otherFields(kind, fields) }
    let input = flow.hashInput(fields)
    guard input.count + 4 <= key.count else { throw .noKey }
    return input
  }
}

/// A hash function that NICs have, by the kernel's bit for it (`ETH_RSS_HASH_...`).
public struct HashFunction: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  /// The kernel's bit.
  public let rawValue: UInt8

  /// The function with this bit.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Toeplitz, the one that can be computed here.
  public static var toeplitz: HashFunction { HashFunction(rawValue: 1) }
  /// Exclusive or.
  public static var xor: HashFunction { HashFunction(rawValue: 2) }
  /// A cyclic redundancy check.
  public static var crc32: HashFunction { HashFunction(rawValue: 4) }

  /// Its name, such as "toeplitz".
  public var description: String {
    switch self {
    case .toeplitz: "toeplitz"
    case .xor: "xor"
    case .crc32: "crc32"
    default: "function \(rawValue)"
    }
  }
}

/// Why the bucket of a flow cannot be computed.
public enum BucketError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The table's size is no power of two, and drivers differ in what they do then.
  case table(Int)
  /// The NIC hashes by another function.
  case function(HashFunction)
  /// The NIC hashes a sum of source and destination.
  case transform
  /// The driver does not tell the key, or it is too short.
  case noKey
  /// The driver does not tell which fields it hashes.
  case unknownFields(FlowClass)
  /// It hashes fields whose place in the hash's input is not known, or none.
  case otherFields(FlowClass, HashedFields)

  /// The reason in words.
  public var description: String {
    switch self {
    case .table(let size): "its table has \(size) entries, not a power of two"
    case .function(let function): "it hashes by \(function), not toeplitz"
    case .transform: "it hashes both directions alike"
    case .noKey: "it does not tell its hash key, or the key is too short"
    case .unknownFields(let kind): "it does not tell which fields of \(kind) it hashes"
    case .otherFields(let kind, let fields): "of \(kind) it hashes \(fields)"
    }
  }
}
