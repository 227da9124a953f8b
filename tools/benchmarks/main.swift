import Martlet
import Synchronization

try Processor(0).pinThread()
let row = AllocatorRow(isQuick: true)
print(try row.measurePairs())
func ours(order: Int) throws -> FrameAllocator {
  var c = FrameAllocator.Configuration(byteCount: 16 << 20); c.nodeOrder = order;
  c.magazineDepth = 0
  return try FrameAllocator(c)
}
let lengths = Mix.imix.lengths(65_536, seed: 3)
for t in takeTurns(
  [
    WorstContestant(try ours(order: 0)), WorstContestant(try ours(order: 1)),
    WorstContestant(try ours(order: 3)), WorstContestant(try ours(order: 9)),
    WorstContestant(Tree2006(nodes: 64, order: 0)), WorstContestant(Tree2006(nodes: 64, order: 3)),
    WorstContestant(Tree2006(nodes: 64, order: 3, granuleShift: 5)),
    try HolesContestant(order: 0, lengths: lengths),
    try HolesContestant(order: 3, lengths: lengths),
    try HolesContestant(order: 9, lengths: lengths),
  ], slices: 300)
{ print(t) }

let pool = try FramePool(
  {
    var c = FrameAllocator.Configuration(byteCount: 64 << 20); c.workers = 2; return c
  }())
let a = Handover(), b = Handover()
let list = LockAndList(granules: 1 << 20)
onThread {
  try? Processor(1).pinThread();
  release(OwnWorker(allocator: pool.makeAllocator(worker: 1)), from: a)
}
let fo = ForeignContestant(OwnWorker(allocator: pool.makeAllocator(worker: 0)), a, lengths: lengths)
print(takeTurns([fo], slices: 300))
a.isOver.store(true, ordering: .relaxed)
onThread {
  try? Processor(1).pinThread(); release(Peer2006(list: list), from: b)
}
print(
  takeTurns(
    [
      ForeignContestant(
        Owner2006(tree: Tree2006(nodes: 16384, order: 0), list: list), b, lengths: lengths)
    ], slices: 300))
