import CXDP
import SystemPackage
import Wire
import XSK

/// One filter of a NIC (`ethtool -N`): packets of an exact flow go to a queue.
///
/// Kept as the kernel's `struct ethtool_rx_flow_spec`, to be compared with what the driver shows.
struct NtupleFilter: Sendable, Hashable {
  /// The structure, 168 bytes.
  private(set) var spec: [UInt8]

  // Where its fields stand: what is looked at, the same again as masks, then queue and place.
  private static let values = 4
  private static let masks = 76
  private static let extensionOffset = 52
  private static let queueOffset = 152
  private static let locationOffset = 160
  /// `FLOW_EXT`: the extension, with the VLAN, counts.
  private static let extended: UInt32 = 0x8000_0000
  /// `RX_CLS_LOC_ANY`: the driver chooses the place.
  static let anywhere: UInt32 = .max

  /// What the driver has; traps if it has another length.
  init(spec: [UInt8]) {
    precondition(spec.count == RuleCommand.specSize, "not a struct ethtool_rx_flow_spec")
    self.spec = spec
  }

  /// The filter for a flow; nil for flows with more than one VLAN tag, which no filter names.
  init?(_ flow: FlowKey, queue: Int) {
    guard flow.vlans >> 16 == 0 else { return nil }
    var kind = NtupleFilter.kind(of: flow)
    if flow.vlans != 0 { kind |= NtupleFilter.extended }
    spec = [UInt8](native: kind) + [UInt8](repeating: 0, count: RuleCommand.specSize - 4)
    let addressSize = flow.isIPv4 ? 4 : 16
    put(flow.addressBytes(flow.source), at: 0)
    put(flow.addressBytes(flow.destination), at: addressSize)
    if flow.ipProtocol == .tcp || flow.ipProtocol == .udp || flow.ipProtocol == .sctp {
      put(flow.sourcePort.networkOrder, at: 2 * addressSize)
      put(flow.destinationPort.networkOrder, at: 2 * addressSize + 2)
    } else if flow.isIPv4 {
      // struct ethtool_usrip4_spec: the first four bytes of the upper layer, service, IP version
      // (which must be 1, ETH_RX_NFC_IP4, without a mask), protocol.
      spec[NtupleFilter.values + 13] = 1
      put([flow.ipProtocol.rawValue], at: 14)
    } else {
      // struct ethtool_usrip6_spec: the first four bytes of the upper layer, class, protocol.
      put([flow.ipProtocol.rawValue], at: 37)
    }
    if flow.vlans != 0 {
      // struct ethtool_flow_ext: padding, a MAC address, the tag's type, then its 16 bits.
      let tag = NtupleFilter.extensionOffset + 10
      put(UInt16(truncatingIfNeeded: flow.vlans).networkOrder, mask: [0x0F, 0xFF], at: tag)
    }
    write([UInt8](native: UInt64(queue)), at: NtupleFilter.queueOffset)
    write([UInt8](native: NtupleFilter.anywhere), at: NtupleFilter.locationOffset)
  }

  /// The kernel's number for flows of this kind.
  private static func kind(of flow: FlowKey) -> UInt32 {
    switch flow.ipProtocol {
    case .tcp: flow.isIPv4 ? 1 : 5
    case .udp: flow.isIPv4 ? 2 : 6
    case .sctp: flow.isIPv4 ? 3 : 7
    default: flow.isIPv4 ? 13 : 14
    }
  }

  /// A field that must be so, in every bit unless `mask` says otherwise.
  private mutating func put(_ bytes: [UInt8], mask: [UInt8]? = nil, at offset: Int) {
    write(bytes, at: NtupleFilter.values + offset)
    let all = [UInt8](repeating: 0xFF, count: bytes.count)
    write(mask ?? all, at: NtupleFilter.masks + offset)
  }

  private mutating func write(_ bytes: [UInt8], at offset: Int) {
    spec.replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }

  /// The queue that packets go to; nil if they go nowhere or to another function of the device.
  var queue: Int? {
    let cookie = spec[...].native(UInt64.self, at: NtupleFilter.queueOffset)
    return cookie >> 32 == 0 ? Int(cookie) : nil
  }

  /// Its place among the NIC's filters.
  var location: UInt32 {
    get { spec[...].native(UInt32.self, at: NtupleFilter.locationOffset) }
    set { write([UInt8](native: newValue), at: NtupleFilter.locationOffset) }
  }

  /// Whether it does the same as `other`, wherever they stand.
  func isSame(as other: NtupleFilter) -> Bool {
    spec[..<NtupleFilter.locationOffset] == other.spec[..<NtupleFilter.locationOffset]
  }
}

extension Interface {
  func filterSupport() -> FilterSupport {
    var count = RuleCommand.bytes(ETHTOOL_GRXCLSRLCNT)
    if let errno = ethtool(&count) {
      return .none("driver \(driver() ?? "of this interface") has no filters (\(errno))")
    }
    let names = featureNames()
    guard let number = names.firstIndex(of: "rx-ntuple-filter") else { return .on }
    let states = features(count: names.count)
    guard number / 32 < states.count else { return .on }
    let (state, bit) = (states[number / 32], UInt32(1) << UInt32(number % 32))
    if state.active & bit != 0 { return .on }
    let canChange = state.available & ~state.fixed & bit != 0
    return canChange ? .off : .none("the feature ntuple is off and cannot be turned on")
  }

  func setFilterSupport(_ isOn: Bool) throws(XDPError) {
    let names = featureNames()
    guard let number = names.firstIndex(of: "rx-ntuple-filter") else { return }
    var bits = [UInt32](repeating: 0, count: (names.count + 31) / 32)
    bits[number / 32] = 1 << UInt32(number % 32)
    if let errno = setFeatures(bits, on: isOn) {
      throw settingError("turn filters of \(name) \(isOn ? "on" : "off")", errno, "feature")
    }
  }

  func filters() throws(XDPError) -> [NtupleFilter] {
    let operation = "read the filters of \(name)"
    var count = RuleCommand.bytes(ETHTOOL_GRXCLSRLCNT)
    if let errno = ethtool(&count) { throw settingError(operation, errno, "filters") }
    // More of them than a moment ago would be an error; room for a few more is cheap.
    let room = Int(count[...].native(UInt32.self, at: RuleCommand.countOffset)) + 8
    var all = RuleCommand.bytes(ETHTOOL_GRXCLSRLALL, places: room)
    if let errno = ethtool(&all) { throw settingError(operation, errno, "filters") }
    let found = Int(all[...].native(UInt32.self, at: RuleCommand.countOffset))
    var filters: [NtupleFilter] = []
    for index in 0..<min(found, room) {
      let place = all[...].native(UInt32.self, at: RuleCommand.placesOffset + 4 * index)
      var blank = NtupleFilter(spec: [UInt8](repeating: 0, count: RuleCommand.specSize))
      blank.location = place
      var one = RuleCommand.bytes(ETHTOOL_GRXCLSRULE, spec: blank.spec)
      if let errno = ethtool(&one) { throw settingError(operation, errno, "filters") }
      let spec = one[RuleCommand.specOffset..<RuleCommand.specOffset + RuleCommand.specSize]
      filters.append(NtupleFilter(spec: [UInt8](spec)))
    }
    return filters
  }

  func insert(_ filter: NtupleFilter) throws(XDPError) {
    let operation = "set a filter on \(name)"
    var filter = filter
    var count = RuleCommand.bytes(ETHTOOL_GRXCLSRLCNT)
    if let errno = ethtool(&count) { throw settingError(operation, errno, "filters") }
    let special: UInt64 = 0x8000_0000
    if count[...].native(UInt64.self, at: 8) & special == 0 {
      filter.location = try freeLocation(operation)
    }
    var command = RuleCommand.bytes(ETHTOOL_SRXCLSRLINS, spec: filter.spec)
    if let errno = ethtool(&command) { throw settingError(operation, errno, "filter") }
  }

  /// A place for drivers that do not choose one: the last that is free, where a filter comes last.
  private func freeLocation(_ operation: String) throws(XDPError) -> UInt32 {
    let used = Set(try filters().map(\.location))
    var all = RuleCommand.bytes(ETHTOOL_GRXCLSRLALL, places: used.count + 8)
    if let errno = ethtool(&all) { throw settingError(operation, errno, "filters") }
    let size = UInt32(truncatingIfNeeded: all[...].native(UInt64.self, at: 8))
    let free = (0..<min(size, 1 << 16)).reversed().first { !used.contains($0) }
    guard let free else { throw settingError(operation, .noSpace, "filter") }
    return free
  }

  func removeFilter(at location: UInt32) throws(XDPError) {
    var blank = NtupleFilter(spec: [UInt8](repeating: 0, count: RuleCommand.specSize))
    blank.location = location
    var command = RuleCommand.bytes(ETHTOOL_SRXCLSRLDEL, spec: blank.spec)
    if let errno = ethtool(&command) {
      throw settingError("remove filter \(location) of \(name)", errno, "filter")
    }
  }
}
