internal import Glibc

/// Opens a file, which children do not inherit.
func openFile(_ path: String, _ flags: Int32) throws -> Int32 {
  // Swift lends the path as a null-terminated string for the length of the call.
  try systemCall("open \(path)") { unsafe open(path, flags | O_CLOEXEC, 0o644) }
}

/// Whether a file or folder exists.
func fileExists(_ path: String) -> Bool {
  // Swift lends the path as a null-terminated string for the length of the call.
  unsafe access(path, F_OK) == 0
}

/// Reads a whole file.
func readFile(_ path: String) throws -> [UInt8] {
  let descriptor = try openFile(path, O_RDONLY)
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  while case let part = try readSome(descriptor, path), !part.isEmpty {
    bytes += part
  }
  return bytes
}

/// Writes a whole file, made or cut to nothing first.
func writeFile(_ path: String, _ bytes: [UInt8]) throws {
  let descriptor = try openFile(path, O_WRONLY | O_CREAT | O_TRUNC)
  defer { close(descriptor) }
  var rest = bytes[...]
  while !rest.isEmpty {
    // The kernel reads only the bytes of the slice.
    let count = try systemCall("write \(path)") {
      unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    }
    rest = rest.dropFirst(count)
  }
}

/// What one read(2) gives: nothing at the end of a file or stream.
func readSome(_ descriptor: Int32, _ name: String) throws -> [UInt8] {
  var count = 0
  return try unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { bytes, initialized in
    // The kernel writes at most the capacity, and what it wrote is initialized.
    count = try systemCall("read \(name)") {
      unsafe read(descriptor, bytes.baseAddress, bytes.count)
    }
    initialized = count
  }
}

/// The 64-bit number that a file begins with, in this machine's byte order; 0 if it is shorter.
public func readNumber(in path: String) throws -> UInt64 {
  let bytes = try readFile(path)
  guard bytes.count >= 8 else { return 0 }
  return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
}
