import CXDP
import Glibc
import SystemPackage
import Wire
public import XSK

/// Chooses, for packets that leave one end of a virtual cable, the queue they arrive on at the
/// other.
///
/// On a veth the sender's transmit queue is the receiver's queue. The director is an eBPF program
/// in front of the sending end, so it is made in the network namespace of that end; nothing else
/// than what it is told reaches a queue that `setRest` leaves out.
///
/// Three kinds of packets do not pass it or not with effect: those of sockets on the sending
/// machine itself that have a queue already (connected ones: put one kernel hop in between), those
/// of packet sockets that skip the queueing discipline, and those of AF_XDP sockets.
///
/// It is detached when the value goes. After a crash nothing stays where the kernel links programs
/// (Linux 6.6); with older kernels the next start detaches what is left.
public struct FlowDirector: ~Copyable {
  /// The end that sends.
  public let interface: Interface
  /// Queues there are at that end.
  public let queueCount: Int

  private let object: DirectorObject
  private var hold: DirectorHold?
  private let record: SettingsRecord
  private let lock: InterfaceLock
  /// What the program looks flows up by, in its order: the exact one first.
  private var masks: [DirectorKey]
  private var queues: [DirectorMatch: Int] = [:]
  private var rest: [Int] = []

  /// A director in front of `interface`, which chooses nothing yet.
  ///
  /// Needs CAP_BPF and CAP_NET_ADMIN. Throws `.settingsHeld` if another process has one there.
  public init(
    sendingOn interface: Interface, recordFolder: String = SettingsRecord.standardFolder
  ) throws(XDPError) {
    try self.init(sendingOn: interface, recordFolder: recordFolder, usesLink: true)
  }

  /// As above; without links as on kernels before 6.6.
  init(
    sendingOn interface: Interface, recordFolder: String, usesLink: Bool
  ) throws(XDPError) {
    let lock = try InterfaceLock(of: interface, for: .director)
    let record = try SettingsRecord(of: interface, purpose: "director", folder: recordFolder)
    DirectorHold.restore(interface, record)
    let queueCount = try interface.queueCounts().transmit
    let object = try DirectorObject()
    let any = FlowKey(source: IPv4Address.any, destination: IPv4Address.any, ipProtocol: .udp)
    let masks = [DirectorKey(maskOf: .flow(any))]
    try object.setDirector(masks: masks, rest: [])
    let hold = try DirectorHold(object.program, interface, usesLink: usesLink, record)
    self.interface = interface
    self.queueCount = queueCount
    self.object = object
    self.hold = hold
    self.record = record
    self.lock = lock
    self.masks = masks
  }

  deinit {
    hold?.letGo(of: interface, record)
  }

  /// Detaches, so that packets choose their queues as before.
  ///
  /// Where programs are not linked (before Linux 6.6) it must be called in the namespace it was
  /// made in, and so must the value go there.
  public mutating func restore() {
    hold?.letGo(of: interface, record)
    hold = nil
  }

  /// Sends the packets that match to `queue`, from now on.
  ///
  /// Exact flows go before other matches; of those the first that was named decides. Throws
  /// `.noSuchQueue`, or `.configuration` if there are more than 8 kinds of matches or 4,096 in all.
  public mutating func direct(_ match: DirectorMatch, to queue: Int) throws(XDPError) {
    try check([queue])
    let shape = try shape(for: DirectorKey(maskOf: match))
    var key = DirectorKey(match)
    key.shape = UInt16(shape)
    try object.put(key, queue: UInt32(queue))
    queues[match] = queue
  }

  /// The number of a mask for the program, which learns of it if it is new.
  private mutating func shape(for mask: DirectorKey) throws(XDPError) -> Int {
    if let known = masks.firstIndex(of: mask) { return known }
    var next = masks
    // The place of one that no match needs any more, but for the exact one.
    let used = Set(queues.keys.map { DirectorKey(maskOf: $0) })
    let unused = masks.indices.dropFirst().first { !used.contains(masks[$0]) }
    if let unused { next[unused] = mask } else { next.append(mask) }
    guard next.count <= DirectorObject.shapeCount else {
      throw XDPError(
        .configuration, operation: "direct packets that leave \(interface.name)",
        reason: "there are \(masks.count) kinds of matches already",
        remedy: "let matches name the same fields")
    }
    try object.setDirector(masks: next, rest: rest)
    masks = next
    return unused ?? next.count - 1
  }

  /// Lets the packets that match go where they went before.
  ///
  /// Nothing happens if they were not directed.
  public mutating func undirect(_ match: DirectorMatch) {
    let mask = DirectorKey(maskOf: match)
    guard queues.removeValue(forKey: match) != nil, let shape = masks.firstIndex(of: mask) else {
      return
    }
    var key = DirectorKey(match)
    key.shape = UInt16(shape)
    object.remove(key)
  }

  /// Spreads all packets that nothing matches over `queues`; with none they keep theirs.
  public mutating func setRest(_ queues: [Int]) throws(XDPError) {
    try check(queues)
    guard queues.count <= DirectorObject.restCount else {
      throw XDPError(
        .configuration, operation: "direct packets that leave \(interface.name)",
        reason: "the rest has at most \(DirectorObject.restCount) queues", remedy: "name fewer")
    }
    try object.setDirector(masks: masks, rest: queues)
    rest = queues
  }

  /// The queue that a match was given, nil if it was not.
  public func queue(of match: DirectorMatch) -> Int? { queues[match] }

  /// The queue that a frame would get, nil if it would keep its own.
  ///
  /// The frame goes nowhere (`BPF_PROG_TEST_RUN`). Throws for frames that the kernel
  /// does not try: below 15 bytes, or with an IP header cut off.
  public func trial(of frame: [UInt8]) throws(XDPError) -> Int? {
    var queue: UInt32 = 0
    // The frame lives for the call, and its size is given.
    let result = unsafe frame.withUnsafeBytes {
      unsafe cxdp_try_frame(object.trial, $0.baseAddress, UInt32($0.count), &queue)
    }
    guard result == 0 else {
      throw XDPError(
        .system, operation: "try a frame", reason: "\(Errno(rawValue: -result))",
        remedy: "try one of some 60 to 3,500 bytes", errno: Errno(rawValue: -result))
    }
    return queue == UInt32.max ? nil : Int(queue)
  }

  private func check(_ queues: [Int]) throws(XDPError) {
    guard let wrong = queues.first(where: { !(0..<queueCount).contains($0) }) else { return }
    throw XDPError(
      .noSuchQueue, operation: "direct packets that leave \(interface.name) to queue \(wrong)",
      reason: "it sends on \(queueCount) queue\(queueCount == 1 ? "" : "s")",
      remedy: "give it more: ethtool -L \(interface.name) tx N")
  }
}
