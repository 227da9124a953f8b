/// How entries are grouped by the bits that a hash of them is taken of.
///
/// The more bits, the shorter the chains; the fewer groups, the fewer hashes for a packet. Each
/// level is coarser than the one before; the first that comes to few enough shapes is taken. That
/// is right at every level, since an entry compares all its bits itself.
enum RuleShapes {
  /// `SHAPES` of bpf/search.h, with the rules that decide and with those that count.
  static let limit = (deciding: 48, counting: 16)
  /// As many are not worth joining.
  static let few = 12

  /// The bits of each entry to hash.
  static func masks(of entries: [KeyPattern], limit: Int) -> [KeyWords] {
    var masks: [KeyWords] = entries.map(\.mask)
    var level = 0
    while Set(masks).count > min(limit, few), level < coarsenings.count {
      let coarser = coarsenings[level]
      masks = entries.map { coarser($0) }
      level += 1
    }
    return masks
  }

  private static let coarsenings: [@Sendable (KeyPattern) -> KeyWords] = [
    { addresses(of: $0, every: 8, 16) },
    { ports(of: addresses(of: $0, every: 16, 32)) },
    { first(of: ports(of: addresses(of: $0, every: 16, 32))) },
    { first(of: ports(of: addresses(of: $0, every: 32, 64))) },
    { _ in KeyWords() },
  ]

  /// The mask with prefixes rounded down to a multiple of so many bits.
  private static func addresses(of entry: KeyPattern, every v4: Int, _ v6: Int) -> KeyWords {
    var mask = entry.mask
    let isV6 = entry.value[0] & KeyField.family.mask == 6 << UInt64(KeyField.family.shift)
    for word in [KeyField.source, KeyField.destination] {
      let high = mask[word].byteSwapped
      let low = mask[word + 1].byteSwapped
      let length = high.nonzeroBitCount + low.nonzeroBitCount
      let every = isV6 ? v6 : v4
      let rounded = length / every * every
      mask[word] = UInt64.leading(min(64, rounded)).byteSwapped
      mask[word + 1] = UInt64.leading(max(0, rounded - 64)).byteSwapped
    }
    return mask
  }

  /// The mask with ports whole or not at all.
  private static func ports(of mask: KeyWords) -> KeyWords {
    var mask = mask
    for place in [KeyField.sourcePort, KeyField.destinationPort]
    where mask[place.word] & place.mask != place.mask {
      mask[place.word] &= ~place.mask
    }
    return mask
  }

  /// The mask with nothing but addresses, ports and protocol.
  private static func first(of mask: KeyWords) -> KeyWords {
    var mask = mask
    mask[0] &= KeyField.ipProtocol.mask
    mask[1] &= KeyField.sourcePort.mask | KeyField.destinationPort.mask
    mask[6] = 0
    mask[7] = 0
    return mask
  }
}
