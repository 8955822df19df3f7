// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds the product builds this. `Product` links to `../Sources`; of targets
// that touch the world only the files that read bytes are taken. Optimised, as a fuzzer lives on its speed; the checks
// of overflow and of bounds stay in.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

func product(_ name: String, _ dependencies: [Target.Dependency] = [], sources: [String]? = nil) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Product/\(name)", sources: sources, swiftSettings: settings)
}

let package = Package(
    name: "fuzz",
    dependencies: [.package(url: "https://github.com/jpsim/Yams", from: "6.2.2")],
    targets: [
        product("Fleet"),
        product("Exposition"),
        product("Forecast", ["Fleet"]),
        product("Policy", ["Fleet", "Forecast"]),
        product("Admission", ["Fleet"]),
        product("Config", ["Fleet", "Forecast", "Policy", "Admission", .product(name: "Yams", package: "Yams")]),
        product(
            "Collectors", ["Fleet", "Exposition"],
            sources: [
                "Engines", "GPU/GPUReading.swift", "GPU/NvidiaSMICSV.swift", "GPU/NvidiaSMICell.swift",
                "GPU/NvidiaSMIFields.swift", "GPU/NvidiaSMIRemarks.swift", "GPU/NvidiaSMIXML.swift",
                "GPU/XMLPullReader.swift",
            ]),
        .executableTarget(
            name: "fuzz", dependencies: ["Fleet", "Exposition", "Collectors", "Config"], path: "Targets",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]),
    ]
)
