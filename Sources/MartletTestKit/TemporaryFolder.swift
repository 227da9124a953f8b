internal import Glibc

/// A folder of a test's own, removed with all that is in it when this goes.
public final class TemporaryFolder: Sendable {
  /// Where it is.
  public let path: String

  /// Makes a folder that only this user can open.
  public init() throws {
    var template = Array("/tmp/martlet-XXXXXX".utf8CString)
    // The array ends in a zero, and the call changes six of its characters.
    guard unsafe mkdtemp(&template) != nil else { throw TestKitError("mkdtemp: errno \(errno)") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { _ = try? runProgram(["rm", "-r", path]) }
}
