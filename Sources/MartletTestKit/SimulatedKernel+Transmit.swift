internal import XSK

extension SimulatedKernel {
  /// The application's system call: sends at most `limit` packets, as `sendto` does, completes them
  /// and returns copies of them.
  ///
  /// Takes nothing for which the completion ring has no room, and leaves a packet alone whose last
  /// fragment is not there yet.
  ///
  /// A packet with a descriptor that is not within one chunk and the memory is counted, not sent,
  /// and comes back as completed.
  public func transmit(limit: Int = 32) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    var completed: [UInt64] = []
    while packets.count < limit, let fragments = takePacket(alreadyCompleted: completed.count) {
      if fragments.count <= 18 && fragments.allSatisfy(isValid) {
        packets.append(
          fragments.flatMap { memory.read(at: $0.location, count: Int($0.byteCount)) })
        counts.sent += 1
      } else {
        counts.invalidTransmit += fragments.count
        if faults.forgetsInvalid { continue }
      }
      completed += fragments.map(\.address)
    }
    complete(completed)
    return packets
  }

  /// Sends everything that stands in the transmit ring and has room in the completion ring.
  public func transmitAll() -> [[UInt8]] {
    transmit(limit: .max)
  }

  /// Shows the completions that `faults.holdsCompletions` kept back.
  public func releaseCompletions() {
    let late = heldCompletions
    heldCompletions = []
    show(late)
  }

  /// The descriptors of the next packet, if it is complete and its completions will have room.
  private func takePacket(alreadyCompleted: Int) -> [Descriptor]? {
    let ready = rings.transmit.peek(.max)
    var count: UInt32 = 0
    repeat {
      if count == ready { return nil }
      count += 1
    } while rings.transmit.pendingEntry(count - 1).continues
    let copies = faults.repeatsCompletions ? 2 : 1
    let new = (alreadyCompleted + Int(count)) * copies + faults.garbage.count
    let needed = UInt32(heldCompletions.count + new)
    guard rings.completion.reserve(needed) == needed else { return nil }
    defer { rings.transmit.release() }
    return (0..<count).map { _ in rings.transmit.take() }
  }

  /// What `xp_validate_desc` of the kernel asks of a transmit descriptor.
  private func isValid(_ descriptor: Descriptor) -> Bool {
    let size = UInt64(configuration.chunkSize)
    let start = configuration.isUnaligned ? descriptor.location : descriptor.address
    let (end, overflow) = start.addingReportingOverflow(UInt64(descriptor.byteCount))
    guard !overflow, end <= UInt64(memory.byteCount), descriptor.options & ~1 == 0 else {
      return false
    }
    guard descriptor.byteCount > 0, descriptor.byteCount <= size else { return false }
    return configuration.isUnaligned || start / size == (end - 1) / size
  }

  private func complete(_ addresses: [UInt64]) {
    var addresses = addresses
    if faults.reversesCompletions { addresses.reverse() }
    if faults.losesBitZero { addresses = addresses.map { $0 & ~1 } }
    if faults.repeatsCompletions { addresses = addresses.flatMap { [$0, $0] } }
    if !addresses.isEmpty {
      addresses += faults.garbage
      faults.garbage = []
    }
    if faults.holdsCompletions { heldCompletions += addresses } else { show(addresses) }
  }

  private func show(_ addresses: [UInt64]) {
    let room = rings.completion.reserve(UInt32(addresses.count))
    precondition(room == addresses.count, "more completions than the ring has room for")
    for address in addresses { rings.completion.put(address) }
    rings.completion.submit()
  }
}
