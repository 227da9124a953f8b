import CXDP
import Glibc
import SystemPackage

/// How an interface was set before it was changed, in a file that outlives a crash.
///
/// Whoever changes settings that the kernel does not put back by itself writes what was there, then
/// changes, and removes the file once all is restored. If the file is there at the start, its
/// writer was killed: restore what it says first.
///
/// There is one file for each purpose, network namespace and interface. It is replaced in one step,
/// and believed only if it is whole, of this boot, of this interface and written by the same user.
public struct SettingsRecord: ~Copyable {
  /// Where records are kept: a file system that is empty after a boot, as settings are.
  public static var standardFolder: String { "/run/martlet" }

  /// What a process that has ended left to be restored, in its own words; nil if there is nothing.
  public let left: [String]?
  /// Why what is in the file cannot be used, if so; the next `write` replaces it.
  public let ignored: String?
  /// Whether this very process wrote what is there.
  public let isOwn: Bool

  /// The lines that were in the file, if they can be used.
  private let found: [String]?
  private let folder: OwnedDescriptor
  /// The file.
  public var path: String { "\(folderPath)/\(name)" }

  private let folderPath: String
  private let name: String
  private let head: [String]
  private let interface: Interface

  /// Looks for a record of `interface`.
  ///
  /// `purpose` is one word. Throws `.settingsHeld` if the process that wrote it is running, and
  /// `.system` if `folder` cannot be made or belongs to somebody else.
  public init(
    of interface: Interface, purpose: String, folder path: String = standardFolder
  ) throws(XDPError) {
    let operation = "record the settings of \(interface.name)"
    let namespace = SettingsRecord.namespace()
    let name = "\(purpose)-\(namespace)-\(interface.index)"
    let head = [
      "martlet settings 1", "boot \(SettingsRecord.boot())", "namespace \(namespace)",
      "interface \(interface.index) \(interface.driver() ?? "-")", "purpose \(purpose)",
    ]
    let folder = try RecordFile.folder(path, operation)
    let found = try SettingsRecord.find(RecordFile.read(name, in: folder), head, operation)
    self.folder = folder
    folderPath = path
    self.name = name
    self.head = head
    self.interface = interface
    left = found.lines.map { Array($0.dropFirst(head.count + 1)) }
    (self.found, ignored, isOwn) = found
  }

  /// What is in a file, if its writer has ended.
  private static func find(
    _ content: RecordFile.Content, _ head: [String], _ operation: String
  ) throws(XDPError) -> (lines: [String]?, ignored: String?, isOwn: Bool) {
    switch content {
    case .none: return (nil, nil, false)
    case .unusable(let reason): return (nil, reason, false)
    case .lines(let lines):
      guard lines.count > head.count, lines.starts(with: head),
        let holder = Holder(lines[head.count])
      else { return (nil, "it is of another boot, interface or version", false) }
      if holder != .current, holder.isAlive {
        throw XDPError(
          .settingsHeld, operation: operation,
          reason: "process \(holder.process) has changed them and still runs",
          remedy: "end it first; it restores them")
      }
      return (lines, nil, holder == .current)
    }
  }

  /// Puts `lines` into the file, in place of what is there.
  ///
  /// To be done before the settings are changed. Lines have no line breaks.
  public func write(_ lines: [String]) throws(XDPError) {
    precondition(!lines.contains { $0.contains("\n") }, "a line is one line")
    let all = head + [Holder.current.line] + lines
    if let failure = RecordFile.write(all, name, in: folder) {
      throw XDPError(
        .system, operation: "record the settings of \(interface.name)",
        reason: "\(path) cannot be written (\(failure))",
        remedy: "make room there, or name another folder", errno: failure)
    }
  }

  /// Takes every `write` back, as nothing was changed: what an ended process left is there again.
  ///
  /// Where that cannot be written, what was written last stays.
  public func withdraw() {
    guard let found else { return remove() }
    _ = RecordFile.write(found, name, in: folder)
  }

  /// Removes the file: there is nothing to restore any more.
  public func remove() {
    // C strings for the length of the call; that there is no file is fine.
    _ = unsafe unlinkat(folder.value, name, 0)
  }

  /// What tells this network namespace from all others of this boot.
  package static func namespace() -> String {
    // SO_NETNS_COOKIE (Linux 5.14): never given twice. An inode's number may be, once it is free.
    if let socket = OwnedDescriptor(socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)) {
      var cookie: UInt64 = 0
      var size = socklen_t(MemoryLayout<UInt64>.size)
      // The kernel writes the eight bytes that the size says.
      let result = unsafe getsockopt(
        socket.value, SOL_SOCKET, Int32(CXDP_SO_NETNS_COOKIE), &cookie, &size)
      if result == 0 { return "\(cookie)" }
    }
    var status = stat()
    // A C string and a structure of our own.
    guard unsafe stat("/proc/thread-self/ns/net", &status) == 0 else { return "0" }
    return "i\(status.st_ino)"
  }

  private static func boot() -> String {
    (TextFile.read("/proc/sys/kernel/random/boot_id") ?? "-").filter { !$0.isWhitespace }
  }
}

/// A process that has written a record: number and start tell it from all others of this boot.
struct Holder: Equatable {
  let process: Int32
  /// When it began, in ticks after the boot.
  let start: UInt64

  /// This process.
  static var current: Holder {
    Holder(process: getpid(), start: start(of: getpid()) ?? 0)
  }

  var isAlive: Bool { Holder.start(of: process) == start }

  var line: String { "holder \(process) \(start)" }

  private init(process: Int32, start: UInt64) {
    self.process = process
    self.start = start
  }

  init?(_ line: String) {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 3, words[0] == "holder", let process = Int32(words[1]), process > 0,
      let start = UInt64(words[2])
    else { return nil }
    self.init(process: process, start: start)
  }

  /// When a process began; nil if it has ended, a zombie too.
  private static func start(of process: Int32) -> UInt64? {
    // The name may hold anything, so fields are counted from its last parenthesis (proc(5)):
    // the state is the third of all, the start the 22nd.
    guard let text = TextFile.read("/proc/\(process)/stat"),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }
}
