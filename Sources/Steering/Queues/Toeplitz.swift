/// The hash by which NICs spread packets over queues (receive-side scaling), computed here as the
/// NIC computes it.
///
/// ```
/// input   x0 x1 x2 x3 ...                     bits, the first byte's highest first
/// key     k0 k1 k2 k3 ...
/// hash    exclusive or of the 32 bits k[i]...k[i + 31] for every i where x[i] is 1
/// bucket  the hash's low bits: an index into the table of queues
/// ```
/// So hash and bucket are linear in the key, which is what `HashKeySolver` makes use of.
public struct Toeplitz: Sendable, Hashable {
  /// The key, as the NIC has it: 40 or 52 bytes in all drivers seen.
  public let key: [UInt8]

  /// A hash with this key; `key` has at least four bytes.
  public init(key: [UInt8]) {
    precondition(key.count >= 4, "a Toeplitz key has 32 bits at least")
    self.key = key
  }

  /// The longest input in bytes that the key is long enough for: 36 with 40 bytes.
  public var longestInput: Int { key.count - 4 }

  /// The hash of `input`.
  ///
  /// Traps beyond `longestInput`. Some steps for every bit: not for the data path.
  public func hash(_ input: [UInt8]) -> UInt32 {
    precondition(input.count <= longestInput, "the key is too short for this input")
    var hash: UInt32 = 0
    var window = key.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    for (index, byte) in input.enumerated() {
      for bit in stride(from: UInt8(7), through: 0, by: -1) {
        if byte >> bit & 1 == 1 { hash ^= window }
        window = window << 1 | UInt32(key[index + 4] >> bit & 1)
      }
    }
    return hash
  }

  /// The place of `input` in a table of `tableSize` queues, a power of two.
  public func bucket(_ input: [UInt8], tableSize: Int) -> Int {
    precondition(tableSize > 0 && tableSize & (tableSize - 1) == 0, "not a power of two")
    return Int(hash(input)) & (tableSize - 1)
  }
}
