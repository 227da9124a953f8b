import Glibc
import SystemPackage
import XSK

/// Says that this process steers an interface, until it lets go or ends, however it does.
///
/// It is a locked file, which nobody without privileges can open, and a name, which any process of
/// the network namespace can take. The file keeps out all who can have it. The name is where those
/// meet who cannot: a user with capabilities who is not root, and containers with another `/run`.
/// So whoever has the file passes over a name that is held by somebody who could not steer, and
/// whoever has not is refused, since behind that name somebody with the file may be steering.
/// Either way who holds it is said.
///
/// The kernel itself would let a second process in where programs are on libxdp's dispatcher, and
/// that would take the first one's for what a crash has left.
struct InterfaceLock: ~Copyable {
  private let name: LockName?
  private let file: LockFile?

  /// What of the interface one process has for itself.
  enum Subject: String {
    /// The program that receives packets.
    case steering
    /// Which packets go to which queue.
    case queues
    /// The program that chooses the queue of packets that leave.
    case director
  }

  /// Takes the lock, or says who holds it.
  init(
    of interface: Interface, for subject: Subject = .steering,
    folder: String = SettingsRecord.standardFolder
  ) throws(XDPError) {
    let place = Place(interface: interface, subject: subject)
    // Should the name be refused, the file is let go.
    switch try Self.file(place, folder) {
    case .taken(let file):
      name = try Self.name(place, without: nil)
      self.file = consume file
    case .outOfReach(let reason):
      name = try Self.name(place, without: reason)
      file = nil
    }
  }

  /// What the lock is about.
  fileprivate struct Place {
    let interface: Interface
    let subject: Subject

    var name: String { "martlet/\(subject.rawValue)/\(interface.index)" }
  }

  private enum FileOutcome: ~Copyable {
    case taken(LockFile)
    /// Why there is none.
    case outOfReach(String)
  }

  /// How often, a millisecond apart, one who is just letting go is waited for.
  ///
  /// No event tells when the last copy of a descriptor is closed, also one in a child that is being
  /// started.
  private static let patience = 5_000

  private static func file(_ place: Place, _ folder: String) throws(XDPError) -> FileOutcome {
    let name =
      "lock-\(place.subject.rawValue)-\(SettingsRecord.namespace())-\(place.interface.index)"
    for attempt in 0... {
      let outcome: LockFile.Outcome
      do throws(XDPError) {
        outcome = try LockFile.take(name, in: folder, place.operation)
      } catch {
        guard isOutOfReach(error) else { throw error }
        return .outOfReach(error.reason)
      }
      switch consume outcome {
      case .taken(let file): return .taken(file)
      case .held(let holder):
        if holder == nil, attempt < patience {
          usleep(1_000)
          continue
        }
        throw place.held(by: holder ?? "a process that cannot be seen from here")
      }
    }
    preconditionFailure("the loop ends by itself")
  }

  /// Whether this process can do without: it may not open the folder, or there is none, or anybody
  /// could lock what is in it (no `errno`).
  private static func isOutOfReach(_ error: XDPError) -> Bool {
    switch error.errno {
    case nil, .permissionDenied, .notPermitted, .readOnlyFileSystem, .noSuchFileOrDirectory,
      .notDirectory, .tooManySymbolicLinkLevels, .noSpace:
      true
    default: false
    }
  }

  /// The name; nil if who has it can be passed over, since this process has the file.
  private static func name(
    _ place: Place, without reason: String?
  ) throws(XDPError) -> LockName? {
    for attempt in 0... {
      let finding: LockName.Finding
      do throws(Errno) {
        if let name = try LockName(place.name) { return name }
        finding = try LockName.find(place.name)
      } catch { throw place.failure(error) }
      switch finding {
      case .itself: throw place.held(by: "this process itself")
      case .unseen: throw place.held(by: "another process")
      case .holder(let holder) where holder.couldHold(place.subject):
        throw place.held(by: "process \(holder.process)")
      case .holder(let holder):
        guard let reason else { return nil }
        throw place.squatted(
          by: "process \(holder.process) (user \(holder.user))", "end it", reason)
      case .hidden(let user):
        guard let reason else { return nil }
        throw place.squatted(
          by: "a process that cannot be seen (user \(user))",
          "look for it (ss -xap) and end it", reason)
      case .nobody:
        // Who steers listens.
        if reason == nil, attempt >= 100 { return nil }
        if attempt >= patience {
          throw place.squatted(
            by: "a process that does not listen", "look for it (ss -xap) and end it", reason ?? "")
        }
        usleep(1_000)
      }
    }
    preconditionFailure("the loop ends by itself")
  }
}

extension InterfaceLock.Place {
  fileprivate var operation: String {
    switch subject {
    case .steering: "attach to \(interface.name)"
    case .queues, .director: "choose the queues of \(interface.name)"
    }
  }

  private var kind: XDPError.Kind { subject == .steering ? .foreignProgram : .settingsHeld }

  fileprivate func held(by holder: String) -> XDPError {
    XDPError(
      kind, operation: operation,
      reason: subject == .steering ? "\(holder) already steers it" : "\(holder) already does",
      remedy: subject == .steering
        ? "end it first; one process steers an interface, for all its queues"
        : "end it first; one process chooses, for all flows",
      errno: .addressInUse)
  }

  /// Somebody has the name who could not hold the lock, and this process has nothing better.
  fileprivate func squatted(
    by holder: String, _ remedy: String, _ reason: String
  ) -> XDPError {
    XDPError(
      kind, operation: operation,
      reason: "\(holder) has the name of its lock, @\(name), without being able to steer",
      remedy: "\(remedy), or run as root with a lock file: \(reason)", errno: .addressInUse)
  }

  fileprivate func failure(_ code: Errno) -> XDPError {
    XDPError(
      .system, operation: operation, reason: "the lock of the interface failed: \(code)",
      remedy: "look at the limits of this process (ulimit -n)", errno: code)
  }
}
