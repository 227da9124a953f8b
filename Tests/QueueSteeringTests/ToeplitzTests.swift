import Steering
import Testing
import Wire

/// The hash against Microsoft's RSS verification suite.
@Suite struct ToeplitzTests {
  /// A line of the suite: the flow, the hash of its addresses and that with its ports.
  struct Vector: Sendable {
    let flow: FlowKey
    let addresses, withPorts: UInt32

    init(_ to: String, _ toPort: UInt16, _ from: String, _ fromPort: UInt16, _ hashes: [UInt32]) {
      addresses = hashes[0]
      withPorts = hashes[1]
      if let source = IPv4Address(from), let destination = IPv4Address(to) {
        flow = FlowKey(
          source: source, sourcePort: fromPort, destination: destination, destinationPort: toPort,
          ipProtocol: .tcp)
      } else {
        flow = FlowKey(
          source: IPv6Address(from) ?? .any, sourcePort: fromPort,
          destination: IPv6Address(to) ?? .any, destinationPort: toPort, ipProtocol: .tcp)
      }
    }
  }

  static let vectors = [
    Vector("161.142.100.80", 1766, "66.9.149.187", 2794, [0x323E_8FC2, 0x51CC_C178]),
    Vector("65.69.140.83", 4739, "199.92.111.2", 14_230, [0xD718_262A, 0xC626_B0EA]),
    Vector("12.22.207.184", 38_024, "24.19.198.95", 12_898, [0xD2D0_A5DE, 0x5C2B_394A]),
    Vector("209.142.163.6", 2217, "38.27.205.30", 48_228, [0x8298_9176, 0xAFC7_327F]),
    Vector("202.188.127.2", 1303, "153.39.163.191", 44_251, [0x5D18_09C5, 0x10E8_28A2]),
    Vector(
      "3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794, [0x2CC1_8CD5, 0x4020_7D3D]),
    Vector(
      "ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14_230, [0x0F0C_461C, 0xDDE5_1BBF]),
    Vector(
      "fe80::200:f8ff:fe21:67cf", 38_024, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44_251,
      [0x4B61_E985, 0x02D1_FEEF]),
  ]

  @Test(arguments: vectors)
  func published(_ vector: Vector) {
    let hash = Toeplitz(key: publishedKey)
    #expect(hash.hash(vector.flow.hashInput(.addresses)) == vector.addresses)
    #expect(hash.hash(vector.flow.hashInput([.addresses, .ports])) == vector.withPorts)
  }

  @Test(arguments: vectors)
  func aLongerKeyHashesTheSame(_ vector: Vector) {
    let hash = Toeplitz(key: publishedKey + [UInt8](repeating: 0xA5, count: 12))
    #expect(hash.hash(vector.flow.hashInput([.addresses, .ports])) == vector.withPorts)
    #expect(hash.longestInput == 48)
  }

  @Test func theBucketIsTheLowBits() {
    let hash = Toeplitz(key: publishedKey)
    let input = Self.vectors[0].flow.hashInput([.addresses, .ports])
    #expect(hash.bucket(input, tableSize: 128) == 0x78)
    #expect(hash.bucket(input, tableSize: 512) == 0x178)
    #expect(hash.bucket(input, tableSize: 1) == 0)
  }

  @Test func nothingHashesToZero() {
    #expect(Toeplitz(key: publishedKey).hash([]) == 0)
    #expect(Toeplitz(key: [1, 2, 3, 4]).longestInput == 0)
  }

  @Test func someFieldsOnly() {
    let flow = Self.vectors[0].flow
    #expect(flow.hashInput(.source) == [66, 9, 149, 187])
    #expect(flow.hashInput([.destination, .destinationPort]) == [161, 142, 100, 80, 0x06, 0xE6])
  }

  @Test func classes() {
    func flow(_ number: UInt8, _ isIPv4: Bool) -> FlowKey {
      let ipProtocol = IPProtocol(rawValue: number)
      return isIPv4
        ? FlowKey(source: IPv4Address.any, destination: IPv4Address.any, ipProtocol: ipProtocol)
        : FlowKey(source: IPv6Address.any, destination: IPv6Address.any, ipProtocol: ipProtocol)
    }
    #expect([6, 17, 47].map { FlowClass(of: flow($0, true)) } == [.tcp4, .udp4, .other4])
    #expect([6, 17, 47].map { FlowClass(of: flow($0, false)) } == [.tcp6, .udp6, .other6])
  }
}

/// The key of the verification suite.
let publishedKey: [UInt8] = [
  0x6D, 0x5A, 0x56, 0xDA, 0x25, 0x5B, 0x0E, 0xC2, 0x41, 0x67, 0x25, 0x3D, 0x43, 0xA3, 0x8F, 0xB0,
  0xD0, 0xCA, 0x2B, 0xCB, 0xAE, 0x7B, 0x30, 0xB4, 0x77, 0xCB, 0x2D, 0xA3, 0x80, 0x30, 0xF2, 0x0C,
  0x6A, 0x42, 0xB7, 0x3B, 0xBE, 0xAC, 0x01, 0xFA,
]
