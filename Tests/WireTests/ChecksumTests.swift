import Testing
import Wire

@Suite struct ChecksumTests {
  @Test func exampleOfRFC1071() {
    let bytes: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
    var sum = Checksum()
    sum.add(bytes.raw)
    equal(sum.folded, 0xDDF2)
    equal(sum.value, 0x220D)
    equal(Checksum.of(bytes.raw), 0x220D)
  }

  @Test func knownIPv4Header() {
    let header: [UInt8] = [
      0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xC0, 0xA8, 0x00,
      0x01, 0xC0, 0xA8, 0x00, 0xC7,
    ]
    equal(Checksum.of(header.raw), 0xB861)
  }

  @Test func emptyAndSingleByte() {
    equal(Checksum.of([UInt8]().raw), 0xFFFF)
    equal(Checksum.of([UInt8(0x12)].raw), 0xEDFF)
  }

  @Test func everyLengthAgreesWithTheSlowWay() {
    var random = Generator(state: 1071)
    for length in 0..<600 {
      let bytes = random.bytes(length)
      equal(Checksum.of(bytes.raw), slowChecksum(bytes))
    }
  }

  @Test func carriesAreKept() {
    for length in [1, 2, 7, 8, 9, 64, 1500, 9000, 65535] {
      let ones = [UInt8](repeating: 0xFF, count: length)
      equal(Checksum.of(ones.raw), slowChecksum(ones))
    }
  }

  @Test func startingAtAnyOffsetOfTheMemory() {
    var random = Generator(state: 7)
    let bytes = random.bytes(64)
    for offset in 0..<16 {
      let part = bytes.raw.extracting(offset..<offset + 41)
      equal(Checksum.of(part), slowChecksum(Array(bytes[offset..<offset + 41])))
    }
  }

  @Test func piecesMakeTheWhole() {
    var random = Generator(state: 2)
    for _ in 0..<200 {
      let bytes = random.bytes(Int.random(in: 16...200, using: &random))
      let cut = 2 * Int.random(in: 0...bytes.count / 2, using: &random)
      var sum = Checksum()
      sum.add(bytes.raw.extracting(..<cut))
      sum.add(bytes.raw.extracting(cut...))
      equal(sum.value, slowChecksum(bytes))
    }
  }

  @Test func wordsAddUpAsTheirBytesDo() {
    let bytes: [UInt8] = [0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xFF, 0xFE, 1, 2, 3, 4]
    var sum = Checksum()
    sum.add(UInt64(0xFEDC_BA98_7654_3210))
    sum.add(UInt16(0xFFFE))
    sum.add(UInt32(0x0102_0304))
    equal(sum.value, slowChecksum(bytes))
  }

  /// RFC 1624, 4: the example that equation 2 of RFC 1141 gets wrong.
  @Test func exampleOfRFC1624() {
    equal(Checksum.updated(0xDD2F, replacing: UInt16(0x5555), with: UInt16(0x3285)), 0x0000)
    // The first folding carries once more.
    equal(Checksum.updated(0, replacing: UInt16(0), with: UInt16(1)), 0xFFFE)
  }

  @Test func incrementalAgreesWithFullRecomputation() {
    var random = Generator(state: 1624)
    for _ in 0..<20_000 {
      var bytes = random.bytes(40)
      bytes[0] |= 1  // Not all zero: an IP header never is.
      let old = slowChecksum(bytes)
      let offset = 2 * Int.random(in: 4...12, using: &random)
      let before = array(bytes.raw.extracting(offset..<offset + 16))
      // Extreme words as well: they are where ones' complement has two zeros.
      let extreme = [[UInt8](repeating: 0, count: 16), [UInt8](repeating: 0xFF, count: 16)]
      let after = random.next() % 4 == 0 ? extreme[Int(random.next() % 2)] : random.bytes(16)
      for width in [2, 4, 16] {
        var changed = bytes
        changed.replaceSubrange(offset..<offset + width, with: after[..<width])
        let updated =
          switch width {
          case 2: Checksum.updated(old, replacing: word16(before), with: word16(after))
          case 4: Checksum.updated(old, replacing: word32(before), with: word32(after))
          default: Checksum.updated(old, replacing: address(before), with: address(after))
          }
        guard updated == slowChecksum(changed) else {
          equal(updated, slowChecksum(changed))
          return
        }
      }
    }
  }

  private func word16(_ bytes: [UInt8]) -> UInt16 { UInt16(bytes[0]) << 8 | UInt16(bytes[1]) }

  private func word32(_ bytes: [UInt8]) -> UInt32 {
    bytes[..<4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  private func address(_ bytes: [UInt8]) -> IPv6Address {
    IPv6Address(
      high: bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) },
      low: bytes[8...].reduce(0) { $0 << 8 | UInt64($1) })
  }
}
