// swift-tools-version: 6.2
import PackageDescription

// A package as a user of Martlet has one: nothing of it is compiled together with the library, so
// what is inlined into its loops is what the library lets be inlined.
let package = Package(
  name: "Embedding",
  dependencies: [.package(name: "martlet", path: "../..")],
  targets: [
    // The same loops in C, to compare with.
    .target(name: "Reference"),
    // Switches callgrind's counting on and off.
    .target(name: "Collector"),
    .executableTarget(
      name: "Loop",
      dependencies: [
        .product(name: "Martlet", package: "martlet"),
        .product(name: "MartletTestKit", package: "martlet"),
        "Reference", "Collector",
      ],
      swiftSettings: [.treatAllWarnings(as: .error)]),
    // What it costs to receive in another process.
    .executableTarget(
      name: "ExportTiming",
      dependencies: [
        .product(name: "Martlet", package: "martlet"),
        .product(name: "MartletTestKit", package: "martlet"),
      ],
      swiftSettings: [.treatAllWarnings(as: .error)]),
  ],
  swiftLanguageModes: [.v6]
)
