import Glibc
import MartletTestKit
import SystemPackage
import Testing

@testable import XSK

/// Files that say what was changed, by the names and bytes that a crash may leave.
struct RecordFileTests {
  private static let lines = ["martlet record 1", "name near", ""]

  /// What a file of the folder holds, nil if it is not believed.
  private static func read(_ name: String, _ folder: borrowing OwnedDescriptor) -> [String]? {
    if case .lines(let lines) = RecordFile.read(name, in: folder) { return lines }
    return nil
  }

  private static func names(_ folder: TemporaryFolder) throws -> [String] {
    try runProgram(["ls", "-A", folder.path]).split(separator: "\n").map(String.init)
  }

  @Test("What was written is read again, and takes the place of what was there")
  func written() throws {
    let place = try TemporaryFolder()
    let folder = try RecordFile.folder(place.path, "test")
    for lines in [["an older one"], Self.lines] {
      #expect(RecordFile.write(lines, "record", in: folder) == nil)
      #expect(Self.read("record", folder) == lines)
    }
    #expect(try Self.names(place) == ["record"])
    guard case .none = RecordFile.read("another", in: folder) else {
      Issue.record("a file that is not there was found")
      return
    }
  }

  @Test("A draft that a killed process left is in nobody's way")
  func leftDraft() throws {
    let place = try TemporaryFolder()
    let folder = try RecordFile.folder(place.path, "test")
    try runProgram(["touch", "\(place.path)/.record"])
    #expect(RecordFile.write(Self.lines, "record", in: folder) == nil)
    #expect(try Self.names(place) == ["record"])
  }

  @Test("What cannot take its place says why, and leaves no draft")
  func refused() throws {
    let place = try TemporaryFolder()
    let folder = try RecordFile.folder(place.path, "test")
    try runProgram(["mkdir", "\(place.path)/record"])
    #expect(RecordFile.write(Self.lines, "record", in: folder) == .isDirectory)
    #expect(try Self.names(place) == ["record"])
  }

  @Test(
    "What is not whole, or others could have written, is not believed",
    arguments: [
      "sed -i 1s/martlet/martlex/ record", "sed -i '$d' record", "truncate -s -1 record",
      "truncate -s 0 record", "chmod 640 record", "echo more >> record",
      "mv record other; ln -s other record", "rm record; mkdir record", "rm record; mkfifo record",
      "truncate -s 1048577 record",
    ])
  func notBelieved(command: String) throws {
    let place = try TemporaryFolder()
    let folder = try RecordFile.folder(place.path, "test")
    #expect(RecordFile.write(Self.lines, "record", in: folder) == nil)
    try runProgram(["sh", "-c", "cd \(place.path) && \(command)"])
    guard case .unusable(let reason) = RecordFile.read("record", in: folder) else {
      Issue.record("believed")
      return
    }
    #expect(!reason.isEmpty)
  }

  @Test("A folder is made for this user alone, and one that others may write to is refused")
  func folders() throws {
    let place = try TemporaryFolder()
    let path = "\(place.path)/records"
    _ = try RecordFile.folder(path, "test")
    #expect(try runProgram(["stat", "-c", "%a", path]) == "700\n")
    try runProgram(["chmod", "770", path])
    let error = #expect(throws: XDPError.self) { _ = try RecordFile.folder(path, "test") }
    #expect(error?.description.contains("others may write there") == true)
    try runProgram(["sh", "-c", "rmdir \(path) && touch \(path)"])
    #expect(throws: XDPError.self) { _ = try RecordFile.folder(path, "test") }
    #expect(throws: XDPError.self) { _ = try RecordFile.folder("\(path)/below", "test") }
  }
}
