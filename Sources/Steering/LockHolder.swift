import CXDP
import Glibc
import SystemPackage
import XSK

/// A process that has a lock's name, and the user it took it as.
struct LockHolder: Equatable {
  let process: Int32
  let user: UInt32

  /// Whether it has not ended; another may have its number since.
  var isAlive: Bool { kill(process, 0) == 0 || errno != ESRCH }

  /// Whether it could be doing what the lock is for, so that it must be let alone.
  ///
  /// Root could. Others need capabilities, and those of a user namespace of its own, which anybody
  /// may make, are worth nothing here. What cannot be told counts as yes: to refuse is better than
  /// to be the second.
  func couldHold(_ subject: InterfaceLock.Subject) -> Bool {
    if user == 0 { return true }
    guard let status = TextFile.read("/proc/\(process)/status") else { return isAlive }
    // The real, the effective, the saved and the file system's user. Another one than took the
    // name has run a program that changes users since, or is another process of that number.
    guard let users = Self.words("Uid:", status), users.count > 1, UInt32(users[1]) == user,
      let text = Self.words("CapEff:", status)?.first, let capabilities = UInt64(text, radix: 16)
    else { return false }
    func has(_ number: Int) -> Bool { capabilities >> number & 1 == 1 }
    // CAP_NET_ADMIN; CAP_BPF or, as before Linux 5.8, CAP_SYS_ADMIN.
    guard has(12), subject == .queues || has(39) || has(21) else { return false }
    var own = stat()
    var its = stat()
    // C strings and structures of our own.
    guard unsafe stat("/proc/self/ns/user", &own) == 0,
      unsafe stat("/proc/\(process)/ns/user", &its) == 0
    else { return isAlive }
    return own.st_dev == its.st_dev && own.st_ino == its.st_ino
  }

  /// The words behind a key of `/proc/PID/status`.
  private static func words(_ key: String, _ status: String) -> [Substring]? {
    let line = status.split(separator: "\n").first { $0.hasPrefix(key) }
    return line?.dropFirst(key.count).split(whereSeparator: \.isWhitespace)
  }
}

extension LockHolder {
  /// Whom the stream socket of an abstract name is with, without asking the socket.
  static func search(for name: String) -> LockName.Finding {
    let socket: (number: UInt64, user: UInt32)
    do throws(Errno) {
      guard let found = try self.socket(of: name) else { return .nobody }
      socket = found
    } catch { return .unseen }
    var found: LockHolder?
    for process in FolderListing.processes() {
      for entry in FolderListing.names("/proc/\(process)/fd") {
        var status = stat()
        // A C string for the length of the call. Sockets have a file system of their own, where
        // they belong to who made them.
        guard unsafe stat("/proc/\(process)/fd/\(entry)", &status) == 0,
          status.st_mode & S_IFMT == S_IFSOCK, status.st_ino == socket.number
        else { continue }
        let holder = LockHolder(process: process, user: status.st_uid)
        if process == getpid() { return .itself }
        if holder.couldHold(.queues) { return .holder(holder) }
        found = holder
      }
    }
    if let found { return .holder(found) }
    // On its way in another socket's queue, say, or root's where it cannot be seen.
    return socket.user == 0 ? .unseen : .hidden(user: socket.user)
  }

  /// The number of the stream socket that has an abstract name in this network namespace, and the
  /// user that made it.
  ///
  /// By socket diagnosis: in `/proc/net/unix` a name with a line break in it can say anything.
  private static func socket(
    of name: String
  ) throws(Errno) -> (number: UInt64, user: UInt32)? {
    let wanted = [0] + Array(name.utf8)
    // struct unix_diag_req: the family, states, a socket of any number, what to tell, a cookie.
    let request =
      [UInt8(AF_UNIX), 0, 0, 0] + [UInt8](native: UInt32.max) + [UInt8](native: UInt32(0))
      + [UInt8](native: UInt32(UDIAG_SHOW_NAME) | showUser) + [UInt8](native: UInt64.max)
    var found: (number: UInt64, user: UInt32)?
    let failure = Netlink.ask(
      protocol: Int32(NETLINK_SOCK_DIAG), type: Int32(SOCK_DIAG_BY_FAMILY), flags: NLM_F_DUMP,
      payload: request
    ) { _, answer in
      // struct unix_diag_msg: family, type, state, padding, the number, a cookie. Accepted
      // connections bear the listener's name; only one that listens or is to has state 10 or 7
      // (TCP_LISTEN, TCP_CLOSE).
      guard answer.count >= 16, answer.dropFirst().first == UInt8(SOCK_STREAM.rawValue),
        [10, 7].contains(answer[answer.startIndex + 2])
      else { return }
      var isWanted = false
      // Where the kernel does not say, root's.
      var user: UInt32 = 0
      Netlink.attributes(answer.dropFirst(16)) { type, value in
        if Int(type) == Int(UNIX_DIAG_NAME) { isWanted = value.elementsEqual(wanted) }
        if type == userAttribute { user = value.native(UInt32.self, at: 0) }
      }
      if isWanted { found = (UInt64(answer.native(UInt32.self, at: 4)), user) }
    }
    if let failure { throw failure }
    return found
  }

  /// `UDIAG_SHOW_UID` and `UNIX_DIAG_UID` (Linux 5.3), by number: older headers have no names.
  private static let showUser: UInt32 = 0x40
  private static let userAttribute: UInt16 = 7
}
