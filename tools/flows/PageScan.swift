import Martlet

/// What lies in a group's pages, every byte of them.
struct PageScan {
  /// What a chunk holds.
  enum Content: Equatable {
    case nothing
    /// A packet of the group's flow with this number.
    case flow(Int)
    /// Something that is not the group's.
    case stranger
  }

  /// By chunk, two of them to a page.
  private(set) var chunks: [Content] = []
  /// Bytes that a packet of the group's was written to, and bytes that anything else was.
  private(set) var ownBytes = 0
  private(set) var otherBytes = 0
  /// Packets that are not the group's.
  private(set) var strangers = 0

  static let chunkSize = 2048
  /// What the kernel leaves free in front of a packet.
  private static let headroom = 256

  /// Pages that were written to.
  var pages: Int {
    stride(from: 0, to: chunks.count, by: 2).count {
      chunks[$0] != .nothing || chunks[$0 + 1] != .nothing
    }
  }

  /// Looks at the memory of a group with these flows, which nobody writes to now.
  init(of memory: RawSpan, _ plan: GroupPlan) {
    let letters = plan.flows.reduce(into: Set<UInt8>()) { $0.formUnion($1.marker.letters) }
    let isLetter = (UInt8.min...UInt8.max).map { letters.contains($0) }
    for start in stride(from: 0, to: memory.byteCount, by: Self.chunkSize) {
      let chunk = memory.extracting(start..<start + Self.chunkSize)
      let before = otherBytes
      otherBytes += Self.count(chunk.extracting(0..<Self.headroom)) { $0 != 0 }
      var content = look(at: chunk.extracting(Self.headroom..<Self.chunkSize), plan, isLetter)
      if otherBytes > before { content = .stranger }
      chunks.append(content)
    }
  }

  /// The last packet of a chunk, and behind its end what is left of longer ones before it.
  private mutating func look(
    at bytes: RawSpan, _ plan: GroupPlan, _ isLetter: [Bool]
  ) -> Content {
    guard let count = Self.packetLength(bytes), count <= bytes.byteCount else {
      let count = Self.count(bytes) { $0 != 0 }
      otherBytes += count
      if count > 0 { strangers += 1 }
      return count > 0 ? .stranger : .nothing
    }
    let tail = bytes.extracting(count..<bytes.byteCount)
    ownBytes += Self.count(tail) { isLetter[Int($0)] }
    otherBytes += Self.count(tail) { $0 != 0 && !isLetter[Int($0)] }
    guard case .own(let flow) = plan.find(bytes.extracting(0..<count)) else {
      otherBytes += count
      strangers += 1
      return .stranger
    }
    ownBytes += count
    return .flow(flow)
  }

  private static func packetLength(_ bytes: RawSpan) -> Int? {
    guard let link = LinkLayer(frame: bytes) else { return nil }
    let packet = bytes.extracting(link.byteCount..<bytes.byteCount)
    if link.etherType == .ipv4, let ip = IPv4(packet) { return link.byteCount + ip.totalLength }
    if link.etherType == .ipv6, let ip = IPv6(packet) {
      return link.byteCount + 40 + ip.payloadLength
    }
    return nil
  }

  private static func count(_ bytes: RawSpan, where holds: (UInt8) -> Bool) -> Int {
    var count = 0
    for place in 0..<bytes.byteCount where holds(bytes.byte(at: place)) { count += 1 }
    return count
  }
}
