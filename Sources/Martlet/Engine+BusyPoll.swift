internal import BasicContainers

/// Whether an engine that finds nothing received fetches a port's packets from the driver itself.
public enum PortPolling: Sendable, Hashable {
  /// Nobody asked for it (`Engine.Configuration.isBusyPolling`).
  case off
  /// No, for the kernel does not say what part of the driver that is: the engine spins.
  ///
  /// It says it where the driver has zero copy and names its parts to the kernel, and before Linux
  /// 6.14 of any socket, from the first packet on.
  case unnamed
  /// Yes, and the interrupts of that part of the driver, the kernel's NAPI of this number, are
  /// deferred.
  case deferred(napi: UInt32)
  /// Yes, but interrupts fetch packets too, for this reason.
  case interrupted(String)
}

extension Engine {
  /// Runs the driver's receive side of the port's queue, and opens a window of what that brought.
  @inline(never)
  mutating func fetch(_ index: Int) -> UInt32 {
    guard !ports[index].isRetired else { return 0 }
    if control.bindings[index].polling == .unnamed {
      // The first packet is the last chance.
      guard control.bindings[index].mayBeNamed, ports[index].counters.receivedPackets != 0 else {
        return 0
      }
      control.bindings[index].mayBeNamed = false
      deferInterrupts(index)
      guard control.bindings[index].polling != .unnamed else { return 0 }
    }
    ports[index].socket.pollReceive()
    return ports[index].socket.rings.receive.peek(ports[index].burst)
  }

  /// Defers the interrupts of the port's queue, if the kernel says what they are.
  mutating func deferInterrupts(_ index: Int) {
    do throws(XDPError) {
      guard let deferral = try InterruptDeferral(of: ports[index].socket) else { return }
      control.bindings[index].polling = .deferred(napi: deferral.napi)
      control.deferrals.add(deferral, of: index)
    } catch {
      control.bindings[index].polling = .interrupted(error.reason)
    }
  }
}

/// The queues whose interrupts are deferred, by port; put back when the list goes.
struct DeferralList: ~Copyable {
  private struct Entry: ~Copyable {
    let port: Int
    let deferral: InterruptDeferral
  }

  private var entries = RigidArray<Entry>(capacity: Engine.portLimit)

  mutating func add(_ deferral: consuming InterruptDeferral, of port: Int) {
    entries.append(Entry(port: port, deferral: deferral))
  }

  /// Puts back what was set for a port's queue, if anything was.
  mutating func remove(_ port: Int) {
    let place = (0..<entries.count).first { entries[$0].port == port }
    if let place { _ = entries.remove(at: place) }
  }
}
