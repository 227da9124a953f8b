internal import XSK

extension SimulatedKernel {
  /// A packet arrives: it is copied into chunks of the fill ring and shown in the receive ring.
  ///
  /// False, and counted, if it had to be dropped.
  @discardableResult
  public func deliver(_ packet: [UInt8]) -> Bool {
    let room = configuration.chunkSize - distance
    let fragments = split(packet, room)
    if fragments.count > (configuration.takesFragments ? 18 : 1) {
      counts.tooLong += 1
      return false
    }
    guard let chunks = takeChunks(fragments.count) else {
      counts.fillEmpty += 1
      return false
    }
    guard rings.receive.reserve(UInt32(chunks.count)) == chunks.count else {
      parkedChunks += chunks
      counts.receiveRingFull += 1
      return false
    }
    for (index, (chunk, fragment)) in zip(chunks, fragments).enumerated() {
      let front = index == 0 ? metadata : []
      memory.write((front + fragment)[...], at: chunk + UInt64(distance - front.count))
      rings.receive.put(
        Descriptor(
          address: configuration.isUnaligned
            ? chunk | UInt64(distance) << 48 : chunk + UInt64(distance),
          byteCount: UInt32(fragment.count), options: index + 1 < chunks.count ? 1 : 0))
    }
    rings.receive.submit()
    counts.received += 1
    return true
  }

  /// Bytes between a chunk's start and its packet: `XDP_PACKET_HEADROOM` and the application's
  /// part.
  private var distance: Int { 256 + configuration.headroom }

  /// The packet in parts of at most `room` bytes; an empty packet has one, empty part.
  private func split(_ packet: [UInt8], _ room: Int) -> [ArraySlice<UInt8>] {
    if packet.count <= room { return [packet[...]] }
    return stride(from: 0, to: packet.count, by: room).map {
      packet[$0..<min($0 + room, packet.count)]
    }
  }

  /// `count` chunks, or nil and none is lost.
  private func takeChunks(_ count: Int) -> [UInt64]? {
    while parkedChunks.count < count, rings.fill.peek(1) == 1 {
      let address = rings.fill.take()
      rings.fill.release()
      let size = UInt64(configuration.chunkSize)
      let chunk = configuration.isUnaligned ? address : address & ~(size - 1)
      if chunk <= UInt64(memory.byteCount) - size {
        parkedChunks.append(chunk)
      } else {
        counts.invalidFill += 1
      }
    }
    guard parkedChunks.count >= count else { return nil }
    defer { parkedChunks.removeFirst(count) }
    return Array(parkedChunks.prefix(count))
  }
}
