import CXDP
import Glibc
import MartletTestKit
import Testing
import XSK

@testable import Steering

/// The lock's name is anybody's to take: who is stopped by whom.
///
/// Here the test is root, and the file of the lock can be had unless a test does without.
@Suite(.enabled(if: sockets.isExpected, needsSockets), .timeLimit(.minutes(2)))
struct SquatterTests {
  /// Each has the name and could not steer.
  private static let strangers: [Squatter] = [
    Squatter(.listening, nobody), Squatter(.mute, nobody), Squatter(.full, nobody),
    Squatter(.hidden, nobody),
    Squatter(.listening, nobody + ["unshare", "-U", "-r"]),
    Squatter(.full, nobody + ["unshare", "-U", "-r"]),
    Squatter(.listening, withCapabilities("net_admin")),
    Squatter(.listening, withCapabilities("bpf")),
    // It began as nobody and changed users: so does a program that is root for whoever starts it.
    Squatter(.changing, []),
  ]

  /// Each could be steering, with a lock's file elsewhere or none.
  private static let others: [Squatter] = [
    Squatter(.listening, withCapabilities("net_admin", "bpf")),
    Squatter(.full, withCapabilities("net_admin", "bpf")),
    Squatter(.listening, withCapabilities("net_admin", "sys_admin")),
    Squatter(.listening, []),
    Squatter(.full, []),
    // It began as root and gave its privileges up: what it has attached stays.
    Squatter(.leaving, []),
    Squatter(.listening, withCapabilities("net_admin"), .queues),
  ]

  @Test(arguments: strangers)
  private func strangersDoNotStopRoot(squatter: Squatter) async throws {
    let namespace = try NetworkNamespace()
    let stranger = try namespace.run { try squatter.start() }
    let start = ContinuousClock.now
    let lock = try namespace.run { try Taken() }
    #expect(ContinuousClock.now - start < .seconds(3))
    // Two of root's do not meet at the name any more, and yet keep each other out.
    #expect(try namespace.run { refused() }?.reason == "this process itself already steers it")
    await #expect(processExitsWith: .success) {
      [path = namespace.path as String, holder = getpid() as Int32] in
      try NetworkNamespace.join(path)
      let error = refused()
      precondition(error?.reason == "process \(holder) already steers it", "\(error as Any)")
    }
    extendLifetime(lock)
    #expect(try stranger.wait(timeout: .zero) == nil)
  }

  @Test(arguments: others)
  private func whoCouldSteerIsLetAlone(squatter: Squatter) async throws {
    try await withNetworkNamespace {
      let other = try squatter.start()
      let error = refused(squatter.subject)
      let deed = squatter.subject == .steering ? "steers it" : "does"
      #expect(error?.reason == "process \(other.identifier) already \(deed)")
      other.signal(SIGKILL)
      _ = try other.wait(timeout: .seconds(10))
      // The file was let go.
      #expect(refused(squatter.subject) == nil)
    }
  }

  @Test func withoutAFileTheNameDecides() async throws {
    try await withNetworkNamespace {
      do {
        let lock = try Taken(folder: noFolder)
        #expect(refused(folder: noFolder)?.reason == "this process itself already steers it")
        #expect(refused()?.reason == "this process itself already steers it")
        extendLifetime(lock)
      }
      #expect(refused(folder: noFolder) == nil)
      let other = try Squatter(.listening, withCapabilities("net_admin", "bpf")).start()
      #expect(
        refused(folder: noFolder)?.reason == "process \(other.identifier) already steers it")
    }
  }

  @Test func withoutAFileAStrangerStopsEverybody() async throws {
    try await withNetworkNamespace {
      let stranger = try Squatter(.listening, nobody).start()
      let error = refused(folder: noFolder)
      #expect(error?.kind == .foreignProgram)
      #expect(error?.reason.contains("process \(stranger.identifier) (user 65534)") == true)
      #expect(error?.reason.contains("@martlet/steering/1, without being able to") == true)
      #expect(error?.remedy.contains("end it, or run as root") == true)
      #expect(error?.remedy.contains(noFolder) == true)
    }
  }

  @Test func withoutAFileAMuteStrangerStopsEverybody() async throws {
    try await withNetworkNamespace {
      let stranger = try Squatter(.mute, nobody).start()
      let error = refused(folder: noFolder)
      #expect(error?.reason.contains("a process that does not listen") == true)
      stranger.signal(SIGKILL)
      _ = try stranger.wait(timeout: .seconds(10))
      #expect(refused(folder: noFolder) == nil)
    }
  }
}

/// The user "nobody", without capabilities.
private let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

/// The same with some.
private func withCapabilities(_ names: String...) -> [String] {
  let all = names.map { "+\($0)" }.joined(separator: ",")
  return nobody + ["--inh-caps=\(all)", "--ambient-caps=\(all)"]
}

/// A process that takes the name of a lock of the loopback interface.
private struct Squatter: Sendable, CustomTestStringConvertible {
  let way: Way
  let wrapper: [String]
  let subject: InterfaceLock.Subject

  enum Way: String {
    case listening
    /// It does not listen.
    case mute
    /// It takes no more connections.
    case full
    /// The same, and the socket is in no process: it is on its way in another one.
    case hidden
    /// It is root, but was nobody when it took the name.
    case changing
    /// It was root when it took the name, and is nobody.
    case leaving
  }

  init(_ way: Way, _ wrapper: [String], _ subject: InterfaceLock.Subject = .steering) {
    self.way = way
    self.wrapper = wrapper
    self.subject = subject
  }

  var testDescription: String {
    "\(way), \(wrapper.dropFirst(4).joined(separator: " ")), \(subject)"
  }

  /// Starts it in the calling thread's namespace, and waits until it has the name.
  func start() throws -> ChildProcess {
    // An abstract name begins with a zero.
    let script = """
      use Socket;
      $| = 1;
      my ($way, $name) = @ARGV;
      my $address = pack("S x a*", AF_UNIX, $name);
      $> = 65534 if $way eq "changing";
      socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
      bind($socket, $address) or die "bind: $!";
      if ($way ne "mute") { listen($socket, $way =~ /full|hidden/ ? 0 : 64) or die "listen: $!"; }
      socket(my $guest, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
      if ($way =~ /full|hidden/) { connect($guest, $address) or die "connect: $!"; }
      if ($way eq "hidden") {
        socketpair(our $near, our $far, AF_UNIX, SOCK_STREAM, 0) or die "socketpair: $!";
        # struct iovec, cmsghdr with SCM_RIGHTS, msghdr.
        my $part = pack("PQ", "x", 1);
        my $control = pack("Qllix4", 20, 1, 1, fileno($socket));
        my $message = pack("QLx4PQPQix4", 0, 0, $part, 1, $control, length($control), 0);
        my $sendmsg = `uname -m` =~ /aarch64/ ? 211 : 46;
        syscall($sendmsg, fileno($near), $message, 0) == 1 or die "sendmsg: $!";
        close($socket);
      }
      $> = 0 if $way eq "changing";
      $> = 65534 if $way eq "leaving";
      print "ready\\n";
      sleep 600;
      """
    let child = try ChildProcess(
      wrapper + ["perl", "-e", script, way.rawValue, "martlet/\(subject.rawValue)/1"])
    guard try child.waitForOutput("ready", timeout: .seconds(30)) else {
      throw TestKitError(String(decoding: child.standardError, as: UTF8.self))
    }
    return child
  }
}
