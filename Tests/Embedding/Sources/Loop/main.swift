import Martlet
import MartletTestKit
import Reference

// Runs every hot loop over rings in memory, at every burst size. tools/gate runs it under callgrind
// and reads what that counted; without callgrind it says nothing and only checks that the loops
// handle every packet and that no frame is lost.

typealias Loop = (inout Engine, Port, Int) -> Int
typealias ReferenceLoop = (OpaquePointer?, UInt32) -> UInt32

func makeEngine(burst: Int, isUnaligned: Bool) throws -> Engine {
  var configuration = Engine.Configuration()
  configuration.isUnaligned = isUnaligned
  configuration.burst = burst
  let memory = SimulatedMemory(byteCount: configuration.memory)
  return try Engine(configuration, memory: memory.packetMemory())
}

func measureEngine(
  _ name: String, burst: Int, receives: Bool = true, isUnaligned: Bool = false, _ loop: Loop
) throws {
  let rings = MemoryRings(MemoryRings.Sizes(all: 2048))
  var engine = try makeEngine(burst: burst, isUnaligned: isUnaligned)
  let port = engine.bind(inMemory: rings.takeApplicationEnds())
  Measurement(burst: burst).count(
    name, packets: burst,
    before: { if receives { rings.deliver(burst, isUnaligned: isUnaligned) } },
    after: { rings.transmitAll() }, { loop(&engine, port, burst) })
  if let disagreement = engine.firstDisagreement() { fatalError("\(name): \(disagreement)") }
}

func measureForwarder(_ name: String, burst: Int) throws {
  let left = MemoryRings(MemoryRings.Sizes(all: 2048))
  let right = MemoryRings(MemoryRings.Sizes(all: 2048))
  var engine = try makeEngine(burst: burst, isUnaligned: false)
  let ports = [left, right].map { engine.bind(inMemory: $0.takeApplicationEnds()) }
  var forwarder = Forwarder(engine, ports[0], ports[1])
  Measurement(burst: burst).count(
    name, packets: 2 * burst,
    before: {
      left.deliver(burst)
      right.deliver(burst)
    },
    after: {
      left.transmitAll()
      right.transmitAll()
    }, { forwarderTurn(&forwarder) })
  if let disagreement = forwarder.engine.firstDisagreement() {
    fatalError("\(name): \(disagreement)")
  }
}

func measureReference(
  _ name: String, burst: Int, receives: Bool = true, isUnaligned: Bool = false,
  _ loop: ReferenceLoop
) {
  let queue = queue_make(2048, 4096, 1024, isUnaligned ? 1 : 0)
  Measurement(burst: burst).count(
    name, packets: burst, before: { if receives { queue_deliver(queue, UInt32(burst)) } },
    after: { _ = queue_transmit(queue) }, { Int(loop(queue, UInt32(burst))) })
  precondition(queue_refused(queue) == 0, "\(name): the reference refused a packet")
  queue_free(queue)
}

for burst in [64, 1, 16, 256] {
  try measureEngine("swift/nothing", burst: burst, receives: false, nothing)
  try measureEngine("verdict/forward", burst: burst, verdictForward)
  try measureEngine("verdict/swap", burst: burst, verdictSwap)
  try measureEngine("verdict/drop", burst: burst, verdictDrop)
  try measureEngine("turn/drop", burst: burst, turnDrop)
  try measureForwarder("forwarder/forward", burst: burst)
  try measureEngine("frames/forward", burst: burst, framesForward)
  try measureEngine("frames/swap", burst: burst, framesSwap)
  try measureEngine("frames/drop", burst: burst, framesDrop)
  try measureEngine("frames/generate", burst: burst, receives: false, framesGenerate)
  try measureEngine("verdict/unaligned", burst: burst, isUnaligned: true, verdictForward)
  try measureEngine("frames/unaligned", burst: burst, isUnaligned: true, framesForward)
  measureReference("c/nothing", burst: burst, receives: false, Reference.nothing)
  measureReference("checked/forward", burst: burst, checked_forward)
  measureReference("checked/unaligned", burst: burst, isUnaligned: true, checked_unaligned)
  // It knows nothing of slots: what comes back goes on.
  measureReference("plain/unaligned", burst: burst, isUnaligned: true, plain_forward)
  measureReference("checked/swap16", burst: burst, checked_swap16)
  measureReference("checked/swap64", burst: burst, checked_swap64)
  measureReference("checked/drop", burst: burst, checked_drop)
  measureReference("checked/generate", burst: burst, receives: false, checked_generate)
  measureReference("plain/forward", burst: burst, plain_forward)
  measureReference("plain/swap16", burst: burst, plain_swap16)
  measureReference("plain/swap64", burst: burst, plain_swap64)
  measureReference("plain/drop", burst: burst, plain_drop)
  measureReference("plain/generate", burst: burst, receives: false, plain_generate)
}
