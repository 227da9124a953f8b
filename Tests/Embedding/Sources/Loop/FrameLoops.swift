import Martlet

// The loops an application writes around frames it owns. Each handles one burst and returns how
// many packets that were.

@inline(never)
func framesForward(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  var done = 0
  while let frame = engine.receive(from: port) {
    engine.send(frame, to: port)
    done &+= 1
  }
  return done
}

@inline(never)
func framesSwap(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  var done = 0
  while var frame = engine.receive(from: port) {
    swapAddresses(engine.mutableBytes(of: &frame))
    engine.send(frame, to: port)
    done &+= 1
  }
  return done
}

@inline(__always)
private func swapAddresses(_ bytes: consuming MutableRawSpan) {
  guard var ethernet = Ethernet(bytes) else { return }
  ethernet.swapAddresses()
}

@inline(never)
func framesDrop(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  var done = 0
  while let frame = engine.receive(from: port) {
    engine.release(frame)
    done &+= 1
  }
  return done
}

@inline(never)
func framesGenerate(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  var done = 0
  while done != count, let frame = engine.allocate(byteCount: 64) {
    engine.send(frame, to: port)
    done &+= 1
  }
  engine.flush()
  return done
}

/// What a call costs.
@inline(never)
func nothing(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int { count }
