import Martlet

// The loops an application writes around a closure. Each handles one burst and returns how many
// packets that were.

@inline(never)
func verdictForward(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  engine.forward(from: port, to: port) { _ in .forward }
}

@inline(never)
func verdictSwap(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  engine.forward(from: port, to: port) { packet in
    packet.swapAddresses()
    return .forward
  }
}

@inline(never)
func verdictDrop(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  engine.forward(from: port, to: port) { _ in .drop }
}

/// A turn of the loop that a program runs: `wait` finds packets and does not sleep.
@inline(never)
func turnDrop(_ engine: inout Engine, _ port: Port, _ count: Int) -> Int {
  guard (try? engine.wait(timeout: .zero)) == true else { return 0 }
  return engine.forward(from: port, to: port) { _ in .drop }
}

/// Both directions between two ports.
@inline(never)
func forwarderTurn(_ forwarder: inout Forwarder) -> Int {
  forwarder.turn { _ in .forward }
}
