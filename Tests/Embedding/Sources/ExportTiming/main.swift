import Glibc
import Martlet
import MartletTestKit

// What it costs to receive in another process, over receiving in the engine's own: rings in memory
// whose kernel this program plays, bursts of 64, packets of 64 bytes whose EtherType is read.
//
//   ExportTiming            both ends on one thread, in turn with in-process receiving: no cache
//                           line goes from core to core, so this is what the instructions cost
//   ExportTiming processes  the consumer is a process of its own on another core
//
// Times are minima of many slices, in nanoseconds per packet.

let burst = 64
let words = CommandLine.arguments

if words.count == 3, words[1] == "consume" {
  try consume(words[2])
} else {
  try run(inProcesses: words.count == 2 && words[1] == "processes")
}

/// The consumer's process.
func consume(_ path: String) throws {
  try Processor(1).pinThread()
  var reader = try FlowReader(connectedTo: path)
  var packets = 0
  var waits = 0
  while reader.wait() {
    waits += 1
    // Looks again for a while before it sleeps: packets that keep coming find it awake.
    var idle = 0
    while idle < 2000 {
      let count = reader.forEach { judge($0) }
      packets += count
      idle = count == 0 ? idle + 1 : 0
    }
  }
  let said = "consumer: \(packets) packets, \(waits) waits\n"
  _ = write(1, said, said.utf8.count)
}

@inline(__always)
func judge(_ bytes: RawSpan) -> FlowVerdict {
  guard let ethernet = Ethernet(bytes) else { return .drop }
  return ethernet.etherType == .arp ? .forward : .drop
}

func run(inProcesses: Bool) throws {
  var bench = try TimingBench()
  if inProcesses {
    // Left to itself the scheduler puts who is woken beside who woke it, and each waits for the
    // other's time slice.
    try Processor(0).pinThread()
    let path = "/tmp/martlet-timing-\(getpid())"
    let listener = try PeerListener(path: path)
    let child = try ChildProcess([words[0], "consume", path])
    guard let socket = try listener.accept(timeout: .seconds(10)) else { fatalError("no consumer") }
    let export = try bench.export(to: socket)
    bench.processes(export)
    bench.engine.end(export)
    _ = try child.wait(timeout: .seconds(10))
    print(String(decoding: child.standardOutput, as: UTF8.self), terminator: "")
  } else {
    let pair = try PeerSocket.pair()
    let export = try bench.export(to: PeerSocket(pair.near))
    var reader = try FlowReader(connectedTo: pair.far)
    bench.oneThread(export, &reader)
  }
}
