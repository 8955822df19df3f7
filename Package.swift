// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A target that does no I/O, reads no clock and imports no Foundation; `PurityTests` holds it to that.
///
/// One that crunches numbers is optimised in debug builds too: its tests go through weeks of samples.
func core(_ name: String, _ dependencies: [Target.Dependency] = [], crunchesNumbers: Bool = false) -> Target {
    let optimised: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]
    return .target(
        name: name, dependencies: dependencies, swiftSettings: strict + (crunchesNumbers ? optimised : []))
}

/// A target that touches the world; each owns at most one heavy dependency.
func shell(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
    name: "scale-agent",
    products: [
        .executable(name: "scale-agent", targets: ["scale-agent"]),
        .executable(name: "vllm-sim", targets: ["vllm-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/CoreOffice/XMLCoder", from: "0.18.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        core("Fleet"),
        core("Exposition"),
        core("Forecast", ["Fleet"], crunchesNumbers: true),
        core("Policy", ["Fleet", "Forecast"], crunchesNumbers: true),
        core("Simulator", ["Fleet", "Forecast", "Policy"], crunchesNumbers: true),
        core("Exporters", ["Fleet", "Forecast", "Policy", "Exposition"]),
        core("Admission", ["Fleet"]),

        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CNVML"),

        shell("Transport", ["Fleet", "CCurl"]),
        shell(
            "Collectors",
            [
                "Fleet", "Exposition", "Transport", "CNVML",
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        shell("Drivers", ["Fleet", "Transport", .product(name: "XMLCoder", package: "XMLCoder")]),
        shell("Store", ["Fleet", "Forecast", "Policy", .product(name: "GRDB", package: "GRDB.swift")]),
        shell("Config", ["Fleet", "Forecast", "Policy", "Admission", .product(name: "Yams", package: "Yams")]),
        shell(
            "Agent",
            [
                "Fleet", "Forecast", "Policy", "Exposition", "Exporters", "Transport", "Collectors", "Store",
                "Admission",
                "Gateway", "CZlib",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        shell(
            "Gateway",
            [
                "Fleet", "Admission",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        .executableTarget(
            name: "scale-agent",
            dependencies: [
                "Fleet", "Exposition", "Forecast", "Policy", "Simulator", "Exporters", "Transport", "Collectors",
                "Drivers", "Store", "Config", "Agent", "Admission", "Gateway",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "vllm-sim",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        .executableTarget(
            name: "benchmarks", dependencies: ["Fleet", "Exposition", "Forecast", "Policy", "Exporters", "Collectors"],
            path: "Benchmarks", exclude: ["forecast", "gateway", "policy", "run"], swiftSettings: strict),

        .target(name: "TestSupport", dependencies: ["Fleet"], path: "Tests/TestSupport", swiftSettings: strict),
        tests("FleetTests", ["Fleet"]),
        tests("ExpositionTests", ["Exposition"]),
        tests("ForecastTests", ["Fleet", "Forecast"]),
        tests("PolicyTests", ["Fleet", "Forecast", "Policy"]),
        tests("SimulatorTests", ["Fleet", "Forecast", "Policy", "Simulator"]),
        tests("ExportersTests", ["Fleet", "Forecast", "Policy", "Exporters", "Exposition"]),
        tests("AdmissionTests", ["Fleet", "Admission"]),
        tests("TransportTests", ["Fleet", "Transport"]),
        tests("CollectorsTests", ["Fleet", "Exposition", "Transport", "Collectors", "CNVML"]),
        tests("DriversTests", ["Fleet", "Transport", "Drivers"]),
        tests(
            "StoreTests",
            ["Fleet", "Forecast", "Policy", "Store", .product(name: "GRDB", package: "GRDB.swift")]),
        tests("ConfigTests", ["Fleet", "Forecast", "Policy", "Admission", "Config"]),
        tests(
            "AgentTests",
            [
                "Fleet", "Forecast", "Policy", "Exposition", "Exporters", "Transport", "Collectors", "Store", "Agent",
                "Admission", "Gateway",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        tests(
            "GatewayTests",
            [
                "Fleet", "Admission", "Gateway",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        tests("VLLMSimTests", ["vllm-sim", "Exposition"]),
    ]
)
