// `#expect` takes its expression apart and cannot do so with noncopyable values: these take the
// value. A module of its own, and no part of the test kit: programs that use that do not carry the
// test library.
//
// A build that links the Swift runtime statically has no test library, and no tests.
#if canImport(Testing)
  public import Testing

  /// Records an issue unless `isTrue`.
  public func expect(
    _ isTrue: Bool, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation
  ) {
    #expect(isTrue, comment, sourceLocation: location)
  }

  /// Records an issue, with both values, unless they are equal.
  public func expectEqual<Value: Equatable>(
    _ value: Value, _ wanted: Value, at location: SourceLocation = #_sourceLocation
  ) {
    #expect(value == wanted, sourceLocation: location)
  }

  /// The value inside, or an issue and the test's end.
  public func unwrap<Value>(
    _ value: Value?, at location: SourceLocation = #_sourceLocation
  ) throws -> Value {
    try #require(value, sourceLocation: location)
  }
#endif
