import Glibc
import MartletTestKit
import SystemPackage
import Testing

/// The README's first screen: the code that stands there is built and forwards.
@Suite struct ReadmeTests {
  @Test func theProgramIsWhatTheReadmeShows() throws {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
      .joined(separator: "/")
    let readme = try text(of: root + "/README.md").split(
      separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(readme.firstIndex(of: "```swift")) + 1
    let shown = readme[start...].prefix { $0 != "```" }
    let built = try text(of: root + "/Tests/ReadmeForwarder/main.swift").split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast()
    #expect(Array(shown) == Array(built))
  }

  @Test(
    .enabled(if: KernelFeature.sockets.isExpected, Comment(rawValue: KernelFeature.sockets.reason)),
    .timeLimit(.minutes(1)))
  func pingGoesThroughIt() async throws {
    try await withNetworkNamespace {
      let client = try NetworkNamespace()
      let server = try NetworkNamespace()
      // These names are this namespace's alone.
      _ = try VethPair("eth0", "client") {
        $0.farNamespace = client
        $0.farAddress = "10.0.0.1/24"
      }
      _ = try VethPair("eth1", "server") {
        $0.farNamespace = server
        $0.farAddress = "10.0.0.2/24"
      }
      let forwarder = try ChildProcess([try builtProgram("ReadmeForwarder")])
      // It says nothing when it is ready; until then nobody answers for the server.
      let pings = try client.run {
        let start = ContinuousClock.now
        while (try? runProgram(["ping", "-n", "-c", "1", "-W", "1", "10.0.0.2"])) == nil {
          try #require(start.duration(to: .now) < .seconds(30))
        }
        return try runProgram(["ping", "-n", "-i", "0.05", "-c", "20", "-w", "20", "10.0.0.2"])
      }
      #expect(pings.contains(" ttl=63 "))
      #expect(!pings.contains(" ttl=64 "))
      forwarder.signal(SIGINT)
      #expect(try forwarder.wait(timeout: .seconds(20)) == .exited(0))
      #expect(try runProgram(["ip", "-d", "link"]).contains("xdp") == false)
    }
  }
}

/// The contents of a file.
func text(of path: String) throws -> String {
  let file = try FileDescriptor.open(FilePath(path), .readOnly)
  return try file.closeAfter {
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = try unsafe chunk.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      if count == 0 { return String(decoding: text, as: UTF8.self) }
      text += chunk.prefix(count)
    }
  }
}
