import MartletTestKit

/// Runs `body` in a network namespace of its own, a few tests at a time.
///
/// Whatever sets up, binds or removes an interface takes one lock of the whole kernel, and holds it
/// for as long as the processors take to come round: a hundred tests at once would wait for each
/// other until their time is over.
func withNetworkNamespace(_ body: @escaping @Sendable () throws -> Void) async throws {
  await gate.enter()
  let result: Result<Void, any Error>
  do {
    result = .success(try await MartletTestKit.withNetworkNamespace(body))
  } catch {
    result = .failure(error)
  }
  await gate.leave()
  try result.get()
}

private let gate = Gate(width: 6)

/// Lets as many in as it is wide, the others in the order in which they came.
private actor Gate {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(width: Int) { free = width }

  func enter() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  func leave() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}
