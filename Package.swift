// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built with these: unsafe code is marked, warnings are errors.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Libraries that return views whose lifetime is tied to a frame also need this; clients need
/// nothing.
let library = strict + [.enableExperimentalFeature("Lifetimes")]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let containers = Target.Dependency.product(name: "BasicContainers", package: "swift-collections")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "martlet",
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    .library(name: "MartletTestKit", targets: ["MartletTestKit"]),
    .executable(name: "martlet", targets: ["MartletTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.4.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.6.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CXDP", pkgConfig: "libxdp libbpf", providers: [.apt(["libxdp-dev", "libbpf-dev"])]),
    .target(name: "Wire", swiftSettings: library),
    .target(name: "FrameAllocator", swiftSettings: library),
    .target(name: "XSK", dependencies: ["CXDP", system], swiftSettings: library),
    .target(
      name: "Steering", dependencies: ["CXDP", "Wire", "XSK", system],
      resources: [
        .embedInCode("Resources/steer.bpf.o"), .embedInCode("Resources/rules.bpf.o"),
        .embedInCode("Resources/direct.bpf.o"), .embedInCode("Resources/driver.bpf.o"),
      ], swiftSettings: library),
    .target(
      name: "Martlet",
      dependencies: ["Wire", "FrameAllocator", "XSK", "Steering", system, containers],
      swiftSettings: library),
    .target(
      name: "MartletTestKit", dependencies: ["CXDP", "Martlet", "XSK", "Wire", system],
      resources: [.embedInCode("Resources/traffic.bpf.o")], swiftSettings: library),
    .executableTarget(
      name: "MartletTool", dependencies: ["Martlet", system, arguments], path: "tools/martlet",
      swiftSettings: strict),
    .executableTarget(
      name: "MartletBench", dependencies: ["Martlet", "MartletTestKit", system],
      path: "tools/benchmarks", exclude: ["rows"], swiftSettings: strict),
    // What it is compared with, in C.
    .executableTarget(name: "MartletReference", dependencies: ["CXDP"], path: "tools/reference"),
    .executableTarget(
      name: "MartletFlows", dependencies: ["Martlet", system], path: "tools/flows",
      swiftSettings: strict),
    .executableTarget(
      name: "forward", dependencies: ["Martlet", system], path: "examples/forward",
      exclude: ["README.md"],
      swiftSettings: strict),
    .executableTarget(
      name: "echo", dependencies: ["Martlet", system], path: "examples/echo",
      exclude: ["README.md"],
      swiftSettings: strict),
    .executableTarget(
      name: "flowsplit", dependencies: ["Martlet", system], path: "examples/flowsplit",
      exclude: ["README.md"],
      swiftSettings: strict),
    .target(name: "Expectations", path: "Tests/Expectations", swiftSettings: strict),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: library),
    .testTarget(
      name: "FrameAllocatorTests",
      dependencies: ["Expectations", "FrameAllocator", "MartletTestKit"],
      swiftSettings: strict),
    .testTarget(
      name: "XSKTests", dependencies: ["Expectations", "XSK", "CXDP", "MartletTestKit", system],
      swiftSettings: strict),
    .testTarget(
      name: "SteeringTests", dependencies: ["Steering", "XSK", "Wire", "CXDP", "MartletTestKit"],
      swiftSettings: strict),
    .testTarget(
      name: "QueueSteeringTests",
      dependencies: ["Steering", "XSK", "Wire", "CXDP", "MartletTestKit", system],
      swiftSettings: strict),
    .testTarget(
      name: "MartletTests",
      dependencies: ["CXDP", "Expectations", "Martlet", "MartletTestKit"], swiftSettings: strict),
    .executableTarget(
      name: "Consumer", dependencies: ["CXDP", "Martlet"], path: "Tests/Consumer",
      swiftSettings: strict),
    .testTarget(
      name: "KernelTests",
      dependencies: [
        "Consumer", "Expectations", "Martlet", "MartletTestKit", "Steering", "CXDP", system,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MartletTestKitTests", dependencies: ["MartletTestKit", "XSK"], swiftSettings: strict),
    .testTarget(name: "MisuseTests", dependencies: ["Martlet"], swiftSettings: strict),
    .executableTarget(
      name: "ReadmeForwarder", dependencies: ["Martlet"], path: "Tests/ReadmeForwarder",
      swiftSettings: strict),
    .executableTarget(
      name: "NICGuest", dependencies: ["Martlet", "MartletTestKit", "Steering", "XSK", "CXDP"],
      path: "Tests/NICGuest", swiftSettings: strict),
    .testTarget(
      name: "ReadmeTests", dependencies: ["MartletTestKit", "ReadmeForwarder", system],
      swiftSettings: strict),
    .testTarget(
      name: "ToolTests", dependencies: ["CXDP", "MartletTestKit", "XSK"], swiftSettings: strict),
    .testTarget(
      name: "ExampleTests", dependencies: ["MartletTestKit", "echo", "flowsplit", "forward"],
      swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
