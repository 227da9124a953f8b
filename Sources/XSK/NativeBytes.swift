extension [UInt8] {
  /// The bytes of an integer in the machine's byte order, as netlink and the ioctls want them.
  package init<Value: FixedWidthInteger>(native value: Value) {
    // An integer's own bytes, read while it exists.
    self = unsafe Swift.withUnsafeBytes(of: value) { unsafe [UInt8]($0) }
  }
}

extension ArraySlice<UInt8> {
  /// The integer `offset` bytes from the slice's start, in the machine's byte order.
  package func native<Value: FixedWidthInteger>(_: Value.Type, at offset: Int) -> Value {
    precondition(offset + MemoryLayout<Value>.size <= count, "the kernel's answer is too short")
    // In bounds by the line above.
    return unsafe withUnsafeBytes {
      unsafe $0.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }
  }
}
