import CXDP
import Testing
import XSK

@Suite struct LayoutTests {
  @Test("A descriptor is laid out as the kernel's struct xdp_desc")
  func descriptor() {
    #expect(MemoryLayout<Descriptor>.size == MemoryLayout<xdp_desc>.size)
    #expect(MemoryLayout<Descriptor>.stride == MemoryLayout<xdp_desc>.stride)
    #expect(MemoryLayout<Descriptor>.alignment == MemoryLayout<xdp_desc>.alignment)
    let address = MemoryLayout<Descriptor>.offset(of: \.address)
    #expect(address == MemoryLayout<xdp_desc>.offset(of: \.addr))
    // Length and options are read and written as one word: compare what lies in memory.
    let descriptor = Descriptor(address: 0x0102_0304_0506_0708, byteCount: 9, options: 10)
    // Both are 16 bytes of integers, as tested above.
    let twin = unsafe unsafeBitCast(descriptor, to: xdp_desc.self)
    #expect(twin.addr == 0x0102_0304_0506_0708)
    #expect(twin.len == 9)
    #expect(twin.options == 10)
    #expect(descriptor.byteCount == 9 && descriptor.options == 10)
  }

  @Test("A descriptor's two forms of address name the same byte")
  func location() {
    #expect(Descriptor(address: 4352, byteCount: 60).location == 4352)
    #expect(Descriptor(address: 4096 | 256 << 48, byteCount: 60).location == 4352)
    #expect(!Descriptor(address: 0, byteCount: 60).continues)
    let continues = UInt32(XDP_PKT_CONTD)
    #expect(Descriptor(address: 0, byteCount: 60, options: continues).continues)
  }
}
