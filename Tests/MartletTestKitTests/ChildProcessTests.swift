import Glibc
import MartletTestKit
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChildProcessTests {
  @Test("A program's output is returned whole")
  func output() throws {
    #expect(try runProgram(["echo", "one", "two words"]) == "one two words\n")
    // More than a pipe holds.
    #expect(try runProgram(["seq", "100000"]).utf8.count == 588_895)
  }

  @Test("A failure names the program, its status and what it printed")
  func failure() throws {
    let error = #expect(throws: TestKitError.self) {
      try runProgram(["sh", "-c", "echo out; echo err >&2; exit 3"])
    }
    #expect(error?.description == "sh -c echo out; echo err >&2; exit 3: exited(3): err\nout\n")
    #expect(throws: TestKitError.self) { try runProgram(["/no/such/program"]) }
  }

  @Test("A program that does not end is killed in time", .timeLimit(.minutes(1)))
  func timeout() throws {
    let start = ContinuousClock.now
    #expect(throws: TestKitError.self) {
      try runProgram(["sleep", "600"], timeout: .milliseconds(50))
    }
    #expect(throws: TestKitError.self) { try runProgram(["yes"], timeout: .milliseconds(50)) }
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test("A line can be waited for, and a signal ends the program")
  func waitForLine() throws {
    let child = try ChildProcess(["sh", "-c", "echo ready >&2; exec sleep 600"])
    #expect(try child.waitForOutput("ready\n", timeout: .seconds(30)))
    #expect(try child.wait(timeout: .zero) == nil)
    child.signal(SIGINT)
    #expect(try child.wait(timeout: .seconds(30)) == .signalled(SIGINT))
    #expect(try child.wait(timeout: .zero) == .signalled(SIGINT))
    #expect(try !child.waitForOutput("never", timeout: .seconds(30)))
  }

  @Test("A grandchild that keeps the output open does not delay the end")
  func grandchild() throws {
    let child = try ChildProcess(["sh", "-c", "sleep 20 & echo $!"])
    #expect(try child.wait(timeout: .seconds(10)) == .exited(0))
    let text = String(decoding: child.standardOutput, as: UTF8.self).dropLast()
    kill(try #require(Int32(text)), SIGKILL)
  }

  @Test("A forgotten child is killed and reaped")
  func forgotten() throws {
    let identifier = try { try ChildProcess(["sleep", "600"]).identifier }()
    #expect(kill(identifier, 0) == -1)
    #expect(errno == ESRCH)
  }

  @Test("A child inherits no open file but the standard ones")
  func noInheritance() throws {
    // Without O_CLOEXEC, as a careless library opens it.
    let careless = unsafe open("/dev/null", O_RDONLY)
    defer { close(careless) }
    #expect(try runProgram(["ls", "/proc/self/fd"]) == "0\n1\n2\n3\n", "3 is ls's own")
  }

  @Test("A thread hands back what it returns or throws")
  func threads() throws {
    #expect(try TestThread { 7 }.join() == 7)
    let failing = TestThread { throw TestKitError("as expected") }
    #expect(throws: TestKitError("as expected")) { try failing.join() }
    #expect(throws: TestKitError("as expected")) { try failing.join() }
  }
}
