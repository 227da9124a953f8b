import CXDP
import Glibc
import SystemPackage
import XSK

/// A mappable array of the program's, or a part of one, written by plain stores.
///
/// Unmapped with its owner.
@safe struct MappedArray: ~Copyable {
  /// Bytes from one element to the next: the kernel rounds those of a map up to eight.
  let stride: Int
  let count: Int
  /// The first element.
  private let memory: UnsafeMutableRawPointer
  private let pages: UnsafeMutableRawBufferPointer

  /// Maps all elements, of which the first begins `offset` bytes, a multiple of 8, behind the map's
  /// beginning; `map` may be closed afterwards.
  init(map: Int32, from offset: Int = 0, stride: Int, count: Int) throws(XDPError) {
    self.stride = stride
    self.count = count
    let page = Int(getpagesize())
    let first = offset / page * page
    let length = (offset - first + stride * count + page - 1) / page * page
    let mapped = unsafe mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, map, first)
    guard unsafe mapped != MAP_FAILED, let mapped = unsafe mapped else {
      throw loadError(Errno(rawValue: errno), log: "")
    }
    unsafe pages = .init(start: mapped, count: length)
    unsafe memory = unsafe mapped + (offset - first)
  }

  deinit { _ = unsafe munmap(pages.baseAddress, pages.count) }

  /// Writes 64 bits at an offset, a multiple of 8, of an element.
  func store(_ value: UInt64, _ index: Int, _ offset: Int) {
    precondition(index >= 0 && index < count && offset + 8 <= stride, "beyond the map")
    // In bounds by the line above, aligned since the memory and the stride are.
    unsafe memory.storeBytes(of: value, toByteOffset: index * stride + offset, as: UInt64.self)
  }

  /// Writes 32 bits at an offset, a multiple of 4, of an element.
  func store(_ value: UInt32, _ index: Int, _ offset: Int) {
    precondition(index >= 0 && index < count && offset + 4 <= stride, "beyond the map")
    // As above.
    unsafe memory.storeBytes(of: value, toByteOffset: index * stride + offset, as: UInt32.self)
  }

  /// Reads 64 bits; the program may be writing them, and writes them as a whole.
  func load(_ index: Int, _ offset: Int) -> UInt64 {
    precondition(index >= 0 && index < count && offset + 8 <= stride, "beyond the map")
    // As above.
    return unsafe memory.load(fromByteOffset: index * stride + offset, as: UInt64.self)
  }

  /// Reads 32 bits.
  func load32(_ index: Int, _ offset: Int) -> UInt32 {
    precondition(index >= 0 && index < count && offset + 4 <= stride, "beyond the map")
    // As above.
    return unsafe memory.load(fromByteOffset: index * stride + offset, as: UInt32.self)
  }

  /// Writes eight words at an offset of an element.
  func store(_ words: KeyWords, _ index: Int, _ offset: Int) {
    for word in 0..<KeyWords.count { store(words[word], index, offset + 8 * word) }
  }

  /// Reads eight words at an offset of an element.
  func loadWords(_ index: Int, _ offset: Int) -> KeyWords {
    var words = KeyWords()
    for word in 0..<KeyWords.count { words[word] = load(index, offset + 8 * word) }
    return words
  }
}
