internal import Glibc
internal import SystemPackage

/// Repeats an interrupted system call and turns -1 into an error that names what was tried.
@discardableResult
func systemCall(_ what: @autoclosure () -> String, _ body: () -> Int) throws -> Int {
  while true {
    let result = body()
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw TestKitError("\(what()): \(Errno(rawValue: code))") }
  }
}

/// The same for the calls that return an `Int32`.
@discardableResult
func systemCall(_ what: @autoclosure () -> String, _ body: () -> Int32) throws -> Int32 {
  Int32(truncatingIfNeeded: try systemCall(what(), { Int(body()) }))
}
