import SystemPackage

/// What the command line asks of a row.
struct Options {
  /// Fewer slices and packets: in seconds, for a look.
  var isQuick = false
  /// Where the row's JSON object goes.
  var jsonPath: String?
  /// Pairs of slices of a comparison, slices of each size of what grows; nil for as many as the row
  /// takes.
  var slicePairs: Int?
  /// Where plots go.
  var plotFolder: String?

  /// Reads what follows the row's name; nil if it makes no sense.
  init?(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let argument = rest.popFirst() {
      switch argument {
      case "--quick": isQuick = true
      case "--json":
        guard let path = rest.popFirst() else { return nil }
        jsonPath = path
      case "--plot":
        guard let path = rest.popFirst() else { return nil }
        plotFolder = path
      case "--pairs":
        guard let pairs = rest.popFirst().flatMap({ Int($0) }), pairs > 0 else { return nil }
        slicePairs = pairs
      default: return nil
      }
    }
  }
}

/// Says on standard error what is measured now.
func progress(_ text: String) {
  _ = try? FileDescriptor.standardError.writeAll("bench: \(text)\n".utf8)
}

/// Writes a file of text, in place of one that is there.
func write(_ text: String, to path: String) throws {
  let file = try FileDescriptor.open(
    FilePath(path), .writeOnly, options: [.create, .truncate],
    permissions: [.ownerReadWrite, .groupRead, .otherRead])
  try file.closeAfter { _ = try file.writeAll(text.utf8) }
}
