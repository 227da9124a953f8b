import Glibc

/// The Swift compiler, run on one small program that imports the modules built with this test.
struct Compiler {
  /// What the compiler said.
  struct Answer {
    let isAccepted: Bool
    /// Everything it printed.
    let output: String

    /// The lines that say what is wrong.
    var errors: [Substring] {
      output.split(separator: "\n").filter { $0.contains(": error: ") }
    }
  }

  /// A step that the machine refused: not the compiler's answer, but that there is none.
  struct Failure: Error {
    let step: String
    let errno: Int32
  }

  /// Where to look for modules: the package's own, its C module, and those of its dependencies.
  private let searchPaths: [String]
  private let moduleCache: String

  /// A compiler that sees the modules next to the running test.
  init() throws(Failure) {
    let products = try Compiler.folderOfThisTest()
    let checkouts = products + "/../../checkouts"
    // A dependency keeps its C module in Sources/NAME/include; this is SwiftPM's own convention.
    let shims = Compiler.folders(in: checkouts).flatMap { package in
      Compiler.folders(in: package + "/Sources").map { $0 + "/include" }
    }
    searchPaths =
      [products + "/Modules", Compiler.repository() + "/Sources/CXDP"]
      + shims.filter { unsafe access($0 + "/module.modulemap", R_OK) == 0 }
    moduleCache = products + "/ModuleCache"
  }

  /// Compiles `program` as far as the checks of ownership and lifetimes reach.
  ///
  /// Type checking alone leaves them out. Takes about 0.1 s.
  func compile(_ program: String) throws(Failure) -> Answer {
    let folder = try Scratch()
    let source = folder.path + "/program.swift"
    let output = folder.path + "/output"
    try folder.write(program, to: source)
    let arguments =
      ["swiftc", "-emit-sil", "-o", "/dev/null", "-swift-version", "6"]
      + ["-module-cache-path", moduleCache] + searchPaths.flatMap { ["-I", $0] } + [source]
    let status = try Compiler.run(arguments, output: output)
    return Answer(isAccepted: status == 0, output: try folder.read(output))
  }

  /// Runs the compiler with what it prints going to the file `output`; returns its wait status.
  private static func run(_ arguments: [String], output: String) throws(Failure) -> Int32 {
    // posix_spawnp only reads the actions and the argument list, and returns before they end.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Sockets of tests that run at the same time must not live on in the compiler. Closing what is
    // not open is no error.
    for descriptor in Int32(3)..<1024 {
      unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    var list = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { unsafe list.forEach { unsafe free($0) } }
    var child: pid_t = 0
    let error = unsafe posix_spawnp(&child, "swiftc", &actions, nil, &list, environ)
    guard error == 0 else { throw Failure(step: "start swiftc", errno: error) }
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure(step: "wait for swiftc", errno: errno) }
    }
    return status
  }

  /// The folder that holds Package.swift: two above the one of this source file.
  private static func repository(_ file: String = #filePath) -> String {
    "/" + file.split(separator: "/").dropLast(3).joined(separator: "/")
  }

  private static func folderOfThisTest() throws(Failure) -> String {
    guard let path = unsafe realpath("/proc/self/exe", nil) else {
      throw Failure(step: "find the running test", errno: errno)
    }
    defer { unsafe free(path) }
    let parts = unsafe String(cString: path).split(separator: "/").dropLast()
    return "/" + parts.joined(separator: "/")
  }

  /// The paths of what lies in `folder`; nothing if there is no such folder.
  private static func folders(in folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var paths: [String] = []
    while let entry = unsafe readdir(stream) {
      // The kernel ends every name with a zero.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { paths.append(folder + "/" + name) }
    }
    return paths
  }
}
