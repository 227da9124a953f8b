import Glibc

/// The files of this repository, as a clean clone would hold them: what git ignores is left out.
struct Repository {
  /// Every file, sorted by path.
  let files: [File]

  /// Reads the repository that this source file lies in.
  init() throws(Unreadable) {
    try self.init(root: Repository.root())
  }

  /// Reads every file below `root`.
  init(root: String) throws(Unreadable) {
    var files: [File] = []
    try Repository.read(root, below: "", into: &files)
    self.files = files.sorted { $0.path < $1.path }
  }

  /// The folder that holds Package.swift: two above the one of this source file.
  static func root(_ file: String = #filePath) -> String {
    "/" + file.split(separator: "/").dropLast(3).joined(separator: "/")
  }

  /// Names that git ignores or that are git's own.
  private static func isIgnored(_ name: String) -> Bool {
    [".build", ".git", "Package.resolved", ".swiftpm", ".vscode"].contains(name)
      || name.hasSuffix(".profraw")
  }

  private static func read(
    _ root: String, below folder: String, into files: inout [File]
  ) throws(Unreadable) {
    // The stream stays open until `closedir`; each entry is copied before the next `readdir`.
    guard let stream = unsafe opendir(root + "/" + folder) else { throw Unreadable(path: folder) }
    defer { unsafe closedir(stream) }
    while let entry = unsafe readdir(stream) {
      let kind = unsafe Int32(entry.pointee.d_type)
      // The kernel ends every name with a zero.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      let path = folder.isEmpty ? name : folder + "/" + name
      if name == "." || name == ".." || isIgnored(name) { continue }
      if kind == DT_DIR {
        try read(root, below: path, into: &files)
      } else if kind == DT_REG {
        files.append(File(path, try bytes(of: root + "/" + path)))
      }
    }
  }

  private static func bytes(of path: String) throws(Unreadable) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Unreadable(path: path) }
    defer { close(descriptor) }
    let end = Int(lseek(descriptor, 0, SEEK_END))
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: end) { space, count in
      // At most `end` bytes, which is the capacity asked for.
      count = unsafe max(0, pread(descriptor, space.baseAddress, end, 0))
    }
    guard bytes.count == end else { throw Unreadable(path: path) }
    return bytes
  }
}

/// A file or folder that could not be read.
struct Unreadable: Error {
  let path: String
}
