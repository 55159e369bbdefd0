// swift-tools-version: 6.2
import PackageDescription

// One array, so that no module is quietly laxer than its neighbours.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")

let executableParts: [Target.Dependency] = [
    "Domain", "Postgres", "Tokens", "Storage", "Chassis",
    arguments, httpTypes, hummingbird, lifecycle, logging, metrics, nioCore, nioPosix,
]

let package = Package(
    name: "breezeway",
    products: [
        .executable(name: "token-exchange", targets: ["TokenExchange"]),
        .executable(name: "sso-admin", targets: ["SSOAdmin"]),
        .executable(name: "key-rotator", targets: ["KeyRotator"]),
    ],
    dependencies: [
        // Without traits Hummingbird does not link ICU: 25 MB instead of 70 MB an executable.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLibPSL", providers: [.apt(["libpsl-dev"])]),
        .systemLibrary(name: "CUTF8Proc", providers: [.apt(["libutf8proc-dev"])]),

        .target(name: "Domain", swiftSettings: strict),
        .target(
            name: "Postgres",
            dependencies: ["CLibPQ", lifecycle, logging, metrics],
            swiftSettings: strict
        ),
        .target(
            name: "Tokens",
            dependencies: ["CLibCrypto", "CUTF8Proc", "Domain", crypto],
            swiftSettings: strict
        ),
        .target(
            name: "Storage",
            dependencies: ["Domain", "Postgres", lifecycle, logging, metrics],
            swiftSettings: strict
        ),
        .target(
            name: "Chassis",
            dependencies: [
                "CLibPSL", configuration, coreMetrics, httpTypes, hummingbird, hummingbirdCore, lifecycle,
                logging, metrics, nioCore, nioHTTP1, nioPosix, unixSignals,
            ],
            swiftSettings: strict
        ),

        // In the binary, so that the document is always the one of this very program.
        .executableTarget(
            name: "TokenExchange",
            dependencies: executableParts,
            resources: [.embedInCode("openapi.json")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "SSOAdmin",
            dependencies: executableParts,
            resources: [.embedInCode("openapi.json")],
            swiftSettings: strict
        ),
        .executableTarget(name: "KeyRotator", dependencies: executableParts, swiftSettings: strict),

        .target(
            name: "TestCluster",
            dependencies: ["Postgres", logging],
            path: "Tests/TestCluster",
            swiftSettings: strict
        ),
        .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: strict),
        .testTarget(
            name: "PostgresTests",
            dependencies: ["Postgres", "TestCluster", lifecycle, logging],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TokensTests",
            dependencies: ["Domain", "Tokens", crypto],
            exclude: ["Interop/interop.py", "Support/leaks.txt"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Domain", "Postgres", "Storage", "TestCluster", "Tokens", lifecycle, logging],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ChassisTests",
            dependencies: [
                "Chassis", configuration, coreMetrics, httpTypes, hummingbird, hummingbirdTesting, lifecycle,
                logging,
                metrics, nioCore, nioHTTP1, nioPosix,
            ],
            swiftSettings: strict
        ),
    ]
)
