internal import Glibc

/// Where SwiftPM put a program of this package: beside the test's own.
public func builtProgram(_ name: String) throws -> String {
  var path = [CChar](repeating: 0, count: 4096)
  // The call writes at most as many bytes as there are.
  let count = try systemCall("readlink /proc/self/exe") {
    unsafe readlink("/proc/self/exe", &path, path.count)
  }
  let own = String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  return own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/") + "/" + name
}
