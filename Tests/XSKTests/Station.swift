import MartletTestKit
import XSK

/// A socket, the memory it works on, and a part of that memory of its own: receives into the first
/// half of its chunks and sends from the second.
struct Station: ~Copyable {
  var socket: Socket
  let memory: PacketMemory
  private let chunkSize: Int
  private let firstChunk: Int
  private var nextToSend = 0

  /// Chunks of one station.
  static let chunkCount = 64

  init(_ socket: consuming Socket, _ umem: UMEM, part: Int = 0) {
    self.socket = socket
    memory = umem.memory()
    chunkSize = umem.configuration.chunkSize
    firstChunk = part * Station.chunkCount
  }

  /// Gives the first half of the station's chunks to the fill ring.
  mutating func fill() {
    let count = Station.chunkCount / 2
    precondition(socket.rings.fill.reserve(UInt32(count)) == count)
    for chunk in 0..<count { socket.rings.fill.put(UInt64((firstChunk + chunk) * chunkSize)) }
    socket.rings.fill.submit()
  }

  /// Sends frames and waits until all are completed; false if that takes longer than two seconds.
  mutating func send(_ frames: [[UInt8]]) -> Bool {
    precondition(frames.count <= Station.chunkCount / 2)
    precondition(socket.rings.transmit.reserve(UInt32(frames.count)) == frames.count)
    for frame in frames {
      let chunk = firstChunk + Station.chunkCount / 2 + nextToSend
      nextToSend = (nextToSend + 1) % (Station.chunkCount / 2)
      let address = UInt64(chunk * chunkSize)
      var bytes = memory.mutableSpan(at: address, count: frame.count)
      for (offset, byte) in frame.enumerated() {
        bytes.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      }
      socket.rings.transmit.put(Descriptor(address: address, byteCount: UInt32(frame.count)))
    }
    socket.rings.transmit.submit()
    let end = ContinuousClock.now.advanced(by: .seconds(2))
    var completed = 0
    while completed < frames.count, ContinuousClock.now < end {
      switch socket.kick() {
      case .done, .again: break
      case .down, .gone: return false
      }
      for _ in 0..<socket.rings.completion.peek(64) {
        _ = socket.rings.completion.take()
        completed += 1
      }
      socket.rings.completion.release()
    }
    return completed == frames.count
  }

  /// The next `count` packets, or those of them that came within two seconds.
  mutating func receive(_ count: Int) -> [[UInt8]] {
    var poller = Poller(capacity: 1)
    poller.add(socket.fileDescriptor)
    var packets: [[UInt8]] = []
    while packets.count < count {
      if socket.rings.receive.peek(64) == 0 {
        if poller.wait(timeout: .seconds(2)) == 0 { break }
        continue
      }
      while socket.rings.receive.remaining > 0 {
        let descriptor = socket.rings.receive.take()
        let span = memory.span(at: descriptor.location, count: Int(descriptor.byteCount))
        // The span's own bytes, copied while it is there.
        packets.append(unsafe span.withUnsafeBytes { unsafe [UInt8]($0) })
      }
      socket.rings.receive.release()
    }
    return packets
  }
}

/// Frames of an EtherType for experiments, each with its number and of its own length.
func frames(_ count: Int, length: Int = 60, first: Int = 0) -> [[UInt8]] {
  (first..<first + count).map { number in
    PacketBuilder().ethernet(
      type: 0x88b5,
      payload: (0..<length - 14 + number % 7).map { UInt8(truncatingIfNeeded: number + $0) })
  }
}

/// A UMEM over 1 MiB of small pages, changed as asked.
func makeUMEM(
  byteCount: Int = 1 << 20, _ change: (inout UMEM.Configuration) -> Void = { _ in }
) throws -> UMEM {
  var configuration = UMEM.Configuration()
  change(&configuration)
  return try UMEM(region: MemoryRegion(byteCount: byteCount), configuration: configuration)
}
