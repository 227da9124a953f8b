/// The plots of the allocator's row.
struct AllocatorPlots {
  var folder: String

  func write(_ fills: [FillSubject: [Fill]]) throws {}
}
