// What tools/rss runs, in the guest and beside it. One line for each thing that is found; status 0
// if all was as it must be.
//
//   QueueGuest show INTERFACE                     table, key, fields, as read
//   QueueGuest steer INTERFACE FLOW=QUEUE...      steers until SIGTERM, then restores; on SIGHUP
//                                                 tells the device once more
//   QueueGuest count INTERFACE                    has the driver count by queue, until SIGTERM
//   QueueGuest restore INTERFACE                  only what a killed process left
//   QueueGuest collide INTERFACE FLOW             a flow of the same bucket
//   QueueGuest check INTERFACE FLOW=QUEUE...      traffic of many flows, and where it arrives
//   QueueGuest answer                             on the other side: sends what `check` asks for
//
// A flow is named by its IP version and the sender's port: 4:5000. It goes to port 4789.
import CXDP
import Glibc
import Steering
import Wire
import XSK

let arguments = Array(CommandLine.arguments.dropFirst())

do {
  switch (arguments.first, arguments.count) {
  case ("show", 2): try show(Interface(named: arguments[1]))
  case ("steer", 3...): try steer(Interface(named: arguments[1]), arguments.dropFirst(2))
  case ("count", 2): try count(Interface(named: arguments[1]))
  case ("restore", 2): _ = try QueueSteering(Interface(named: arguments[1]))
  case ("collide", 3): try collide(Interface(named: arguments[1]), Flow(arguments[2]))
  case ("check", 2...): try check(Interface(named: arguments[1]), arguments.dropFirst(2))
  case ("answer", 1): try answer()
  default: throw Failure("QueueGuest: see its source for its commands")
  }
} catch {
  print("\(error)")
  exit(1)
}

/// Something is not as it must be.
struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

func show(_ interface: Interface) throws {
  let settings = try RSSSettings(of: interface)
  print("function \(settings.function), transform \(settings.transform)")
  print("queues \(settings.queueCount), table of \(settings.table.count)")
  print("key " + settings.key.map { hexadecimal($0) }.joined(separator: ":"))
  for kind in FlowClass.allCases {
    print("\(kind): \(settings.fields[kind].map { "\($0)" } ?? "not told")")
  }
}

private func hexadecimal(_ byte: UInt8) -> String {
  let text = String(byte, radix: 16)
  return text.count == 1 ? "0" + text : text
}

func steer(_ interface: Interface, _ wishes: ArraySlice<String>) throws {
  blockSignals()
  var steering = try QueueSteering(interface)
  for (way, reason) in steering.refusals { print("no \(way): \(reason)") }
  for wish in wishes {
    let (flow, queue) = try parse(wish)
    print("\(flow.key): \(try steering.steer(flow.key, to: queue))")
  }
  print("ready")
  fflush(nil)
  while nextSignal() == SIGHUP { try steering.repeatSettings() }
  try steering.restore()
}

/// From here on SIGTERM and SIGHUP wait for `nextSignal`.
func blockSignals() {
  var signals = waitedFor()
  // The set is ours.
  unsafe sigprocmask(SIG_BLOCK, &signals, nil)
}

func nextSignal() -> Int32 {
  var signals = waitedFor()
  var number: Int32 = 0
  // The set and the number are ours.
  unsafe sigwait(&signals, &number)
  return number
}

private func waitedFor() -> sigset_t {
  var signals = sigset_t()
  // The set is ours.
  unsafe sigemptyset(&signals)
  unsafe sigaddset(&signals, SIGTERM)
  unsafe sigaddset(&signals, SIGHUP)
  return signals
}

func parse(_ wish: String) throws -> (Flow, Int) {
  let parts = wish.split(separator: "=")
  guard parts.count == 2, let queue = Int(parts[1]) else {
    throw Failure("\(wish) is not FLOW=QUEUE")
  }
  return (try Flow(String(parts[0])), queue)
}

func collide(_ interface: Interface, _ flow: Flow) throws {
  let settings = try RSSSettings(of: interface)
  let bucket = try settings.bucket(of: flow.key)
  for port in UInt16(20_000)...30_000 {
    let other = Flow(isVersion6: flow.isVersion6, port: port)
    if try settings.bucket(of: other.key) == bucket { return print(other.name) }
  }
  throw Failure("no port hashes to bucket \(bucket)")
}
