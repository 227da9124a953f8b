extension FrameAllocator {
  /// A frame of at least `byteCount` bytes for `group`, in custody `custody`.
  ///
  /// The custody may not be `.free`. Returns its address, or nil if `byteCount` is not in `1 ...
  /// maximumFrame`, the group is unknown or at its quota, or only the reserve (without `.critical`)
  /// or what others are guaranteed is left. Constant time, no heap allocation.
  @inlinable @inline(__always)
  public mutating func allocate(
    byteCount: Int, group: FlowGroup = .shared, permission: Permission = .normal,
    custody: Custody = .held
  ) -> UInt64? {
    assert(custody != .free, "a frame that is given is not free")
    guard byteCount > 0, byteCount <= chunkSize, UInt(bitPattern: group.index) < groups.count,
      freeCount != 0
    else { return nil }
    var account = groups[group.index]
    guard account.used < account.quota else { return nil }
    if account.used < account.guarantee {
      owed &-= 1
    } else {
      guard freeCount > owed &+ (permission == .normal ? reserve : 0) else { return nil }
    }
    account.used &+= 1
    groups[group.index] = account
    freeCount &-= 1
    let number = stack[freeCount]
    custodies[Int(number)] = custody.rawValue
    owners[Int(number)] = UInt16(truncatingIfNeeded: group.index)
    return UInt64(number) &<< chunkShift
  }

  /// Takes back the frame that the byte at `address` lies in, if it is in custody `custody`.
  ///
  /// Any byte of the frame names it. Returns false and changes nothing if the frame is in another
  /// custody or outside the memory: nothing is ever free twice. Constant time.
  @inlinable @inline(__always) @discardableResult
  public mutating func release(_ address: UInt64, from custody: Custody) -> Bool {
    guard let number = chunk(at: address), custodies[number] == custody.rawValue,
      custody.rawValue != 0
    else { return false }
    restore(number)
    return true
  }

  /// Takes back the frame that the byte at `address` lies in, if the application has it.
  ///
  /// The same as `release(_:from:)` with `.received` or `.held`.
  @inlinable @inline(__always) @discardableResult
  public mutating func release(_ address: UInt64) -> Bool {
    guard let number = chunk(at: address),
      Custody(rawValue: custodies[number]).isWithApplication
    else { return false }
    restore(number)
    return true
  }

  /// Whether a frame that one use gives back may go on to another without the allocator.
  ///
  /// Not while the reserve or a group is owed something, which every frame that comes back has to
  /// serve first, and not with several groups: the frame would stay in its group's account.
  @inlinable public var mayPassOn: Bool {
    @inline(__always) get { freeCount >= reserve &+ owed && groups.count == 1 }
  }

  @inlinable
  mutating func restore(_ number: Int) {
    let group = Int(owners[number])
    var account = groups[group]
    account.used &-= 1
    if account.used < account.guarantee { owed &+= 1 }
    groups[group] = account
    custodies[number] = 0
    stack[freeCount] = UInt32(truncatingIfNeeded: number)
    freeCount &+= 1
  }
}
