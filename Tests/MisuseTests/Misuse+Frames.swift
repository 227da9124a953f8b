extension Misuse {
  /// Mistakes with frames, packets and the engine.
  static let frames = spent + kept + views + closures + engines

  /// Frames that were given away already.
  private static let spent = [
    Misuse(
      "use a frame after it was sent", expected: "'frame' used after consume",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: consuming Frame, _ port: Port) -> Int {
        engine.send(frame, to: port)
        return frame.byteCount  // misuse
        return 0
      }
      """),
    Misuse(
      "send a frame twice", expected: "'frame' consumed more than once",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        guard let frame = engine.receive(from: port) else { return }
        engine.send(frame, to: port)
        engine.send(frame, to: port)  // misuse
      }
      """),
    Misuse(
      "release a frame after it was sent", expected: "'frame' consumed more than once",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        while let frame = engine.receive(from: port) {
          engine.send(frame, to: port)
          engine.release(frame)  // misuse
        }
      }
      """),
    Misuse(
      "send a frame on one path and release it on all", expected: "'frame' consumed more than once",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port, _ isGood: Bool) {
        guard let frame = engine.receive(from: port) else { return }
        if isGood { engine.send(frame, to: port) }  // misuse
        engine.release(frame)
      }
      """),
    Misuse(
      "send a frame in every round of a loop", expected: "'frame' consumed in a loop",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: consuming Frame, _ ports: [Port]) {
        for port in ports { engine.send(frame, to: port) }  // misuse
      }
      """),
    Misuse(
      "go on with the old token after settling", expected: "'frame' consumed more than once",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: consuming Frame) {
        let settled = engine.settle(frame)
        engine.release(frame)  // misuse
        engine.release(settled)
      }
      """),
    Misuse(
      "send a frame that was only lent", expected: "'frame' is borrowed and cannot be consumed",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: borrowing Frame, _ port: Port) {
        engine.send(frame, to: port)  // misuse
      }
      """),
  ]

  /// Frames put where they could be reached twice.
  private static let kept = [
    Misuse(
      "keep frames in an array", expected: "conform to 'Copyable'",
      """
      import Martlet
      func f(_ frame: consuming Frame) {
        let all = [frame]  // misuse
      }
      """),
    Misuse(
      "copy a frame", expected: "'frame' is borrowed and cannot be consumed",
      """
      import Martlet
      func f(_ frame: borrowing Frame) -> Int {
        let copy = frame  // misuse
        return frame.byteCount
      }
      """),
    Misuse(
      "store a frame in a copyable struct", expected: "has non-Copyable type 'Frame'",
      """
      import Martlet
      struct Waiting {
        var port: Port
        var frame: Frame  // misuse
      }
      """),
    Misuse(
      "make a frame up", expected: "initializer is inaccessible",
      """
      import Martlet
      func f(_ engine: inout Engine) {
        let frame = Frame(address: 0, count: 60, origin: 0, fragments: 1, memory: 0)  // misuse
      }
      """),
    Misuse(
      "say another length without the engine", expected: "'byteCount' is a get-only property",
      """
      import Martlet
      func f(_ frame: inout Frame) {
        frame.byteCount = 9000  // misuse
      }
      """),
    Misuse(
      "hand a frame to a task", expected: "cannot be consumed when captured by an escaping closure",
      """
      import Martlet
      func own(_ frame: consuming Frame) {}
      func f(_ frame: consuming Frame) {
        Task { own(frame) }  // misuse
      }
      """),
    Misuse(
      "capture a frame in a closure that escapes",
      expected: "cannot be consumed when captured by an escaping closure",
      """
      import Martlet
      func own(_ frame: consuming Frame) {}
      func f(_ frame: consuming Frame) -> () -> Void {
        return { own(frame) }  // misuse
        return {}
      }
      """),
  ]

  /// Bytes of a frame that is no longer the application's.
  private static let views = [
    Misuse(
      "use a view of a frame that was sent", expected: "overlapping accesses",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: consuming Frame, _ port: Port) {
        let bytes = engine.bytes(of: frame)
        engine.send(frame, to: port)  // misuse
        _ = bytes.byteCount
      }
      """),
    Misuse(
      "change the engine while a view is in use", expected: "overlapping accesses to 'engine'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: borrowing Frame) {
        let bytes = engine.bytes(of: frame)
        engine.flush()  // misuse
        _ = bytes.byteCount
      }
      """),
    Misuse(
      "receive while a view is in use", expected: "overlapping accesses to 'engine'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ frame: borrowing Frame, _ port: Port) {
        let bytes = engine.bytes(of: frame)
        if let next = engine.receive(from: port) { engine.release(next) }  // misuse
        _ = bytes.byteCount
      }
      """),
    Misuse(
      "two views to write of one frame", expected: "overlapping accesses to 'frame'",
      """
      import Martlet
      func f(_ engine: borrowing Engine, _ frame: inout Frame) {
        var one = engine.mutableBytes(of: &frame)
        var two = engine.mutableBytes(of: &frame)  // misuse
        one.storeBytes(of: 1, as: UInt8.self)
      }
      """),
    Misuse(
      "a view to write and one to read of one frame", expected: "overlapping accesses to 'frame'",
      """
      import Martlet
      func f(_ engine: borrowing Engine, _ frame: inout Frame) {
        var one = engine.mutableBytes(of: &frame)
        _ = engine.bytes(of: frame).byteCount  // misuse
        one.storeBytes(of: 1, as: UInt8.self)
      }
      """),
    Misuse(
      "write to a frame that was only lent", expected: "'frame' is a 'let' constant",
      """
      import Martlet
      func f(_ engine: borrowing Engine, _ frame: borrowing Frame) {
        _ = engine.mutableBytes(of: &frame)  // misuse
      }
      """),
    Misuse(
      "keep a view longer than its frame", expected: "escapes its scope",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        var kept = RawSpan()
        if let frame = engine.receive(from: port) {
          kept = engine.bytes(of: frame)  // misuse
        }
        _ = kept.byteCount
      }
      """),
    Misuse(
      "return a view of a frame", expected: "cannot return a ~Escapable result",
      """
      import Martlet
      func f(_ engine: borrowing Engine, _ frame: borrowing Frame) -> RawSpan {  // misuse
        engine.bytes(of: frame)  // misuse
      }  // misuse
      """),
  ]

  /// Packets inside a forwarder's closure.
  private static let closures = [
    Misuse(
      "keep a packet beyond its closure", expected: "conversion to 'Packet?' is consuming",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        var kept: Packet?  // misuse
        engine.forward(from: port, to: port) { packet in
          kept = packet  // misuse
          return .drop
        }
      }
      """),
    Misuse(
      "keep a packet's bytes beyond its closure", expected: "escapes its scope",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        var kept = RawSpan()
        engine.forward(from: port, to: port) { packet in
          kept = packet.bytes  // misuse
          return .drop
        }
        _ = kept.byteCount
      }
      """),
    Misuse(
      "use a header view after the packet was touched again",
      expected: "overlapping accesses to 'packet'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        engine.forward(from: port, to: port) { packet in
          guard var ip = packet.ipv4 else { return .forward }
          packet.swapAddresses()  // misuse
          ip.decrementTimeToLive()
          return .forward
        }
      }
      """),
    Misuse(
      "two header views to write at once", expected: "overlapping accesses to 'packet'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        engine.forward(from: port, to: port) { packet in
          guard var ip = packet.ipv4 else { return .forward }
          guard var udp = packet.udp else { return .forward }  // misuse
          ip.decrementTimeToLive()
          return .forward
        }
      }
      """),
    Misuse(
      "forget the verdict on one path", expected: "missing return",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        engine.forward(from: port, to: port) { packet in
          if packet.byteCount < 60 { return .drop }
          if packet.byteCount > 0 { } else {  // misuse
          return .forward
          }  // misuse
        }
      }
      """),
    Misuse(
      "use the engine inside its own closure", expected: "overlapping accesses to 'engine'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        engine.forward(from: port, to: port) { packet in
          engine.flush()  // misuse
          return .forward
        }
      }
      """),
    Misuse(
      "hand a packet to a task", expected: "escaping closure captures 'inout' parameter 'packet'",
      """
      import Martlet
      func f(_ engine: inout Engine, _ port: Port) {
        engine.forward(from: port, to: port) { packet in
          Task { print(packet.byteCount) }  // misuse
          return .forward
        }
      }
      """),
  ]

  /// The engine itself: one owner, one thread.
  private static let engines = [
    Misuse(
      "copy an engine", expected: "'engine' is borrowed and cannot be consumed",
      """
      import Martlet
      func f(_ engine: borrowing Engine) -> Int {
        let copy = engine  // misuse
        return engine.maximumFrame
      }
      """),
    Misuse(
      "use an engine that was given away", expected: "'engine' used after consume",
      """
      import Martlet
      func own(_ engine: consuming Engine) {}
      func f(_ engine: consuming Engine) {
        own(engine)
        engine.flush()  // misuse
      }
      """),
    Misuse(
      "use an engine from two tasks", expected: "risks causing data races",
      """
      import Martlet
      func f(_ engine: consuming Engine) {
        Task { engine.flush() }  // misuse
        Task { engine.flush() }  // misuse
      }
      """),
    Misuse(
      "use an engine that another thread works with",
      expected: "capture of 'engine' with non-Sendable type 'Engine' in a '@Sendable' closure",
      """
      import Martlet
      func f(_ engine: consuming Engine) throws(XDPError) {
        let thread = try WorkerThread { engine.flush() }  // misuse
        engine.flush()
      }
      """),
    Misuse(
      "reach a crew from one of its workers",
      expected: "capture of 'crew' with non-Sendable type 'Crew' in a '@Sendable' closure",
      """
      import Martlet
      func f(_ crew: inout Crew) throws(XDPError) {
        try crew.start { forwarder throws(XDPError) in
          crew.first.turn { _ in .drop }  // misuse
          while try forwarder.engine.wait() { forwarder.turn { _ in .forward } }
        }
      }
      """),
    Misuse(
      "keep an engine where any thread reaches it", expected: "not concurrency-safe",
      """
      import Martlet
      enum Shared {
        static var engine: Engine?  // misuse
      }
      """),
  ]
}
