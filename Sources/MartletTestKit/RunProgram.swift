/// Runs a program to its end and returns what it printed on standard output.
///
/// It runs in the calling thread's network namespace. Throws, with everything it printed, if it
/// fails, cannot be started or does not end in time; then it is killed.
@discardableResult
public func runProgram(_ program: [String], timeout: Duration = .seconds(30)) throws -> String {
  let child = try ChildProcess(program)
  let status = try child.wait(timeout: timeout)
  let output = String(decoding: child.standardOutput, as: UTF8.self)
  if status == .exited(0) { return output }
  let error = String(decoding: child.standardError, as: UTF8.self)
  let ending = status.map { "\($0)" } ?? "not finished after \(timeout)"
  throw TestKitError("\(program.joined(separator: " ")): \(ending): \(error)\(output)")
}
