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
    let byteCount = MemoryLayout<Descriptor>.offset(of: \.byteCount)
    #expect(byteCount == MemoryLayout<xdp_desc>.offset(of: \.len))
    let options = MemoryLayout<Descriptor>.offset(of: \.options)
    #expect(options == MemoryLayout<xdp_desc>.offset(of: \.options))
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
