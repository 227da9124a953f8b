// What tools/zero-copy runs in its guest. One line for each thing that is found; status 0 if all
// was as it must be.
//
//   NICGuest scenarios zero-copy|copy|auto hash|no-hash|auto [NAME...]
//   NICGuest show INTERFACE                  table, key, fields, as read
//   NICGuest steer INTERFACE FLOW=QUEUE...   steers until SIGTERM, then restores; on SIGHUP tells
//                                            the device once more
//   NICGuest place zero-copy|copy INTERFACE FLOW=QUEUE...  the same by an engine with ports
//   NICGuest poll zero-copy|copy INTERFACE   polls the driver of queue 0, until SIGTERM
//   NICGuest napi NUMBER                     how that part of a driver is run
//   NICGuest ask INTERFACE                   asks the driver about packets, until SIGTERM
//   NICGuest count INTERFACE                 has the driver count by queue, until SIGTERM
//   NICGuest restore INTERFACE               only what a killed process left
//   NICGuest collide INTERFACE FLOW          a flow of the same bucket
//   NICGuest check INTERFACE FLOW=QUEUE...   traffic of many flows, and where it arrives
//   NICGuest cross FROM TO COUNT             numbered packets into one interface, out of another
//
// A flow is named by its IP version and the sender's port: 4:5000. It goes to port 4789.
import Glibc
import Martlet
import MartletTestKit

let arguments = Array(CommandLine.arguments.dropFirst())

do {
  switch (arguments.first, arguments.count) {
  case ("scenarios", 3...):
    let lane = try Lane(mode: arguments[1], hash: arguments[2])
    if try !runScenarios(lane, only: arguments.dropFirst(3)) { exit(1) }
  case ("show", 2): try show(Interface(named: arguments[1]))
  case ("steer", 3...): try steer(Interface(named: arguments[1]), arguments.dropFirst(2))
  case ("poll", 3): try poll(arguments[2], isZeroCopy: arguments[1] == "zero-copy")
  case ("napi", 2): napi(UInt32(arguments[1]) ?? 0)
  case ("ask", 2): try ask(arguments[1])
  case ("count", 2): try count(Interface(named: arguments[1]))
  case ("restore", 2): _ = try QueueSteering(Interface(named: arguments[1]))
  case ("collide", 3): try collide(Interface(named: arguments[1]), Flow(arguments[2]))
  case ("check", 2...): try check(Interface(named: arguments[1]), arguments.dropFirst(2))
  case ("place", 4...):
    try place(arguments[2], arguments.dropFirst(3), isZeroCopy: arguments[1] == "zero-copy")
  case ("cross", 4): try cross(arguments[1], arguments[2], Int(arguments[3]) ?? 0)
  default: throw Failure("NICGuest: see its source for its commands")
  }
} catch {
  print("\(error)")
  exit(1)
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

/// Flows on queues of an engine's own, which it keeps until a signal ends it.
func place(_ name: String, _ wishes: ArraySlice<String>, isZeroCopy: Bool) throws {
  var engine = try Engine()
  let ports = try engine.bind(QueueName.all(of: name), mode: isZeroCopy ? .zeroCopy : .copy)
  for wish in wishes {
    let (flow, queue) = try parse(wish)
    print("\(flow.key): \(try engine.place(flow.key, on: ports[queue]))")
  }
  // The first rule exchanges the program.
  try engine.leaveToKernel(.arp)
  try engine.steer(.etherType(0x88B5))
  try engine.stopOnSignals()
  say("ready")
  while try engine.wait() {
    for port in ports { while let frame = engine.receive(from: port) { engine.release(frame) } }
  }
}

/// Sends numbered packets, and looks whether all of them come out elsewhere.
func cross(_ from: String, _ to: String, _ count: Int) throws {
  guard to != "nowhere" else {
    let tap = try PacketTap(from)
    for number in 0..<count { try tap.send(Numbered.frame(number, byteCount: 200)) }
    return
  }
  let taps = try [PacketTap(from), PacketTap(to, etherType: 0x88B5)]
  var arrived = 0
  for start in stride(from: 0, to: count, by: 32) {
    let frames = (start..<min(start + 32, count)).map {
      Numbered.frame($0, byteCount: 60 + ($0 &* 53) % 1400)
    }
    try taps[0].send(frames)
    let out = try taps[1].receive(frames.count, timeout: Lane.patience)
    let numbers = out.compactMap { Numbered.number(of: $0) }
    try demand(
      numbers == Array(start..<start + frames.count),
      "of packets \(start) to \(start + frames.count - 1) these came out: \(numbers)")
    arrived += out.count
  }
  say("\(arrived)")
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
