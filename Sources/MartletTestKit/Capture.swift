/// Packets with their times, as a pcap file holds them: for tcpdump and Wireshark, or from them.
///
/// Reads and writes the classic format, little endian, link type Ethernet, in nanoseconds; reads
/// microseconds too.
public struct Capture: Sendable, Equatable {
  /// One packet.
  public struct Record: Sendable, Equatable {
    /// When, since 1970.
    public var time: Duration
    /// The packet from its destination MAC address on.
    public var packet: [UInt8]
    /// How long it was on the wire, which may be more than what was kept.
    public var wireByteCount: Int

    /// A packet that was kept whole.
    public init(time: Duration, packet: [UInt8]) {
      self.time = time
      self.packet = packet
      wireByteCount = packet.count
    }
  }

  /// The packets in the file's order.
  public var records: [Record]

  /// A capture of these packets.
  public init(_ records: [Record] = []) {
    self.records = records
  }

  /// Reads a pcap file's bytes.
  ///
  /// Throws if they are not one, or end early.
  public init(bytes: [UInt8]) throws {
    var rest = bytes[...]
    let magic = try rest.takeWord()
    guard magic == nanosecondMagic || magic == microsecondMagic else {
      throw TestKitError("not a little-endian pcap file: it begins with \(magic)")
    }
    for _ in 0..<5 { _ = try rest.takeWord() }
    records = []
    while !rest.isEmpty {
      let seconds = try rest.takeWord()
      let fraction = Int64(try rest.takeWord())
      let kept = Int(try rest.takeWord())
      let wireByteCount = Int(try rest.takeWord())
      guard kept <= rest.count else { throw TestKitError("the pcap file ends inside a packet") }
      let time =
        Duration.seconds(Int64(seconds))
        + (magic == nanosecondMagic ? .nanoseconds(fraction) : .microseconds(fraction))
      var record = Record(time: time, packet: Array(rest.prefix(kept)))
      record.wireByteCount = wireByteCount
      records.append(record)
      rest = rest.dropFirst(kept)
    }
  }

  /// Reads a pcap file.
  public init(path: String) throws {
    try self.init(bytes: readFile(path))
  }

  /// The pcap file's bytes.
  public var bytes: [UInt8] {
    // Magic, version 2.4, time zone, accuracy, longest packet, link type Ethernet.
    var file = [nanosecondMagic, 4 << 16 | 2, 0, 0, 262_144, 1].flatMap(word)
    for record in records {
      let (seconds, attoseconds) = record.time.components
      let numbers = [
        UInt32(truncatingIfNeeded: seconds), UInt32(attoseconds / 1_000_000_000),
        UInt32(record.packet.count), UInt32(record.wireByteCount),
      ]
      file += numbers.flatMap(word) + record.packet
    }
    return file
  }

  /// Writes a pcap file.
  public func write(path: String) throws {
    try writeFile(path, bytes)
  }
}

private let nanosecondMagic: UInt32 = 0xA1B2_3C4D
private let microsecondMagic: UInt32 = 0xA1B2_C3D4

private func word(_ number: UInt32) -> [UInt8] {
  (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
}

extension ArraySlice<UInt8> {
  /// Takes the next four bytes as a little-endian number.
  fileprivate mutating func takeWord() throws -> UInt32 {
    guard count >= 4 else { throw TestKitError("the pcap file ends inside a header") }
    defer { self = dropFirst(4) }
    return prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
