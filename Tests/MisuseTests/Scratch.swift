import Glibc

/// A temporary folder of one compilation, removed with the files in it when it ends.
struct Scratch: ~Copyable {
  let path: String

  /// Makes the folder.
  init() throws(Compiler.Failure) {
    var name = Array("/tmp/misuse-XXXXXX".utf8CString)
    // mkdtemp writes over the six letters and no further.
    guard unsafe mkdtemp(&name) != nil else {
      throw Compiler.Failure(step: "make a temporary folder", errno: errno)
    }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["program.swift", "output"] { unsafe unlink(path + "/" + name) }
    unsafe rmdir(path)
  }

  /// Writes `text` into the file `name`.
  func write(_ text: String, to name: String) throws(Compiler.Failure) {
    guard let file = unsafe fopen(name, "w") else {
      throw Compiler.Failure(step: "write \(name)", errno: errno)
    }
    defer { unsafe fclose(file) }
    unsafe fputs(text, file)
  }

  /// Everything in the file `name`.
  func read(_ name: String) throws(Compiler.Failure) -> String {
    guard let file = unsafe fopen(name, "r") else {
      throw Compiler.Failure(step: "read \(name)", errno: errno)
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = unsafe fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
