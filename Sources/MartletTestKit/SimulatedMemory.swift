public import XSK

/// A UMEM's memory without a UMEM: page-aligned, zeroed, owned by this object.
///
/// Several threads may use it as they may a UMEM: each frame belongs to one of them at a time.
@safe public final class SimulatedMemory: @unchecked Sendable {
  /// How many bytes there are.
  public let byteCount: Int
  private let base: UnsafeMutableRawPointer
  private let identity: UInt
  /// Whose memory it is, if it is not this object's own.
  private let umem: UMEM?

  /// Zeroed memory of `byteCount` bytes.
  public init(byteCount: Int) {
    self.byteCount = byteCount
    umem = nil
    unsafe base = .allocate(byteCount: byteCount, alignment: 4096)
    identity = unsafe PacketMemory.makeIdentity(at: base)
    // Fresh memory of that size.
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// The memory of a UMEM that no socket is bound through, for a kernel that is simulated.
  public init(of umem: UMEM) {
    let memory = umem.memory()
    byteCount = memory.byteCount
    identity = memory.identity
    unsafe base = memory.start
    self.umem = umem
  }

  // Bytes: nothing to deinitialize.
  deinit { if umem == nil { unsafe base.deallocate() } }

  /// The application's view, which keeps this object alive.
  public func packetMemory() -> PacketMemory {
    packetMemory(owner: self)
  }

  /// The view for an `owner` that keeps this object alive.
  func packetMemory(owner: AnyObject) -> PacketMemory {
    // The bytes live as long as `self`, hence at least as long as the owner, which the view holds.
    unsafe PacketMemory(base: base, byteCount: byteCount, owner: owner, identity: identity)
  }

  /// Copies bytes in.
  ///
  /// Traps outside the memory.
  public func write(_ bytes: some Collection<UInt8>, at address: UInt64) {
    let offset = checked(address, bytes.count)
    // In bounds by the line above.
    unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: bytes.count)
      .copyBytes(from: bytes)
  }

  /// Copies bytes out.
  ///
  /// Traps outside the memory.
  public func read(at address: UInt64, count: Int) -> [UInt8] {
    let offset = checked(address, count)
    // In bounds by the line above.
    return unsafe [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
  }

  private func checked(_ address: UInt64, _ count: Int) -> Int {
    precondition(
      address <= UInt64(byteCount) && count <= byteCount - Int(address), "bytes outside the memory")
    return Int(address)
  }
}
