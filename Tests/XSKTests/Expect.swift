import Testing

// `#expect` takes its expression apart and cannot do so with noncopyable values: these take the
// value.

/// Records an issue unless `isTrue`.
func expect(_ isTrue: Bool, at location: SourceLocation = #_sourceLocation) {
  #expect(isTrue, sourceLocation: location)
}

/// Records an issue, with both values, unless they are equal.
func expectEqual<Value: Equatable>(
  _ value: Value, _ wanted: Value, at location: SourceLocation = #_sourceLocation
) {
  #expect(value == wanted, sourceLocation: location)
}
