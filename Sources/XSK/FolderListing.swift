internal import Glibc

/// The names in a folder, such as those of `/proc`.
package enum FolderListing {
  /// What is in the folder at `path`, in no order; nothing if it cannot be read.
  package static func names(_ path: String) -> [String] {
    // A C string for the length of the call.
    guard let folder = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    // An entry is valid until the next call.
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// The numbers of the processes that can be seen.
  package static func processes() -> [Int32] { names("/proc").compactMap { Int32($0) } }
}
