extension Packet {
  /// The Ethernet header, to read and write; nil for a runt.
  @inlinable public var ethernet: Ethernet<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { Ethernet(first.mutableSpan) }
  }

  /// The IPv4 header behind Ethernet and any VLAN tags, to read and write; nil if there is none.
  @inlinable public var ipv4: IPv4<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { IPv4(frame: first.mutableSpan) }
  }

  /// The IPv6 header behind Ethernet and any VLAN tags, to read and write; nil if there is none.
  @inlinable public var ipv6: IPv6<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { IPv6(frame: first.mutableSpan) }
  }

  /// The ARP packet, to read and write; nil if it is something else.
  @inlinable public var arp: ARP<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { ARP(frame: first.mutableSpan) }
  }

  /// The UDP header, to read and write; nil if there is none.
  @inlinable public var udp: UDP<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { UDP(frame: first.mutableSpan) }
  }

  /// The TCP header, to read and write; nil if there is none.
  @inlinable public var tcp: TCP<MutableRawSpan>? {
    @inline(__always) @_lifetime(&self) mutating get { TCP(frame: first.mutableSpan) }
  }

  /// Swaps the two Ethernet addresses; nothing happens to a runt.
  @inlinable @inline(__always)
  public mutating func swapAddresses() {
    guard var ethernet else { return }
    ethernet.swapAddresses()
  }
}
