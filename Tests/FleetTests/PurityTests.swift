import FoundationEssentials
import TestSupport
import Testing

/// The core targets see the world only through values: no I/O, no clock, no chance, and no module but the core below.
@Suite struct PurityTests {
    /// What each core target may import. The order of the list is the order of the layers.
    static let layers: KeyValuePairs<String, Set<String>> = [
        "Fleet": [],
        "Exposition": [],
        "Forecast": ["Fleet"],
        "Policy": ["Fleet", "Forecast"],
        "Simulator": ["Fleet", "Forecast", "Policy"],
        "Exporters": ["Fleet", "Exposition", "Forecast", "Policy"],
        "Admission": ["Fleet"],
    ]

    @Test("a core target is pure", arguments: try manifestCoreTargets())
    func pure(target: String) throws {
        let allowed = try #require(Self.layers.first { $0.key == target }?.value, "unknown core target")
        let files = try swiftFiles(below: "Sources/\(target)")
        #expect(!files.isEmpty)
        for file in files {
            let found = try impurities(in: text(of: file), allowedImports: allowed)
            #expect(found.isEmpty, "\(file): \(found.joined(separator: "; "))")
        }
    }

    @Test("the manifest is read: Fleet is among its core targets")
    func manifest() throws {
        #expect(try manifestCoreTargets().contains("Fleet"))
    }

    @Test(
        "the check finds what it looks for",
        arguments: [
            ("import Foundation", "imports Foundation"),
            ("package import FoundationEssentials", "imports FoundationEssentials"),
            ("@preconcurrency import Dispatch", "imports Dispatch"),
            ("  @_spi(Testing) public import Glibc", "imports Glibc"),
            ("import struct Policy.Decision", "imports Policy"),
            ("import func Glibc.time", "imports Glibc"),
            ("import Fleet\npackage import Policy\n\nstruct X {}", "imports Policy"),
            ("#if canImport(Glibc)\nimport Glibc\n#endif", "imports Glibc"),
            ("let now = Date()", "uses Date("),
            ("try await Task.sleep(for: .seconds(1))", "uses Task.sleep"),
            ("let clock = ContinuousClock()", "uses ContinuousClock"),
            ("let clock: SuspendingClock", "uses SuspendingClock"),
            ("var generator = SystemRandomNumberGenerator()", "uses SystemRandomNumberGenerator"),
            ("let x = Double.random(in: 0..<1)", "uses .random( without a generator"),
            ("let x = list.randomElement()", "uses .randomElement( without a generator"),
            ("let x = list.shuffled() + f(using: g)", "uses .shuffled( without a generator"),
            ("list.shuffle()", "uses .shuffle( without a generator"),
            ("print(x)", "uses print("),
            ("debugPrint(x)", "uses debugPrint("),
            ("let page = \"http://x\"; print(page)", "uses print("),
        ])
    func finds(source: String, expected: String) {
        #expect(impurities(in: source, allowedImports: ["Fleet"]) == [expected])
    }

    @Test(
        "the check lets be what is allowed",
        arguments: [
            "import Fleet", "package import Fleet\nimport Fleet\n\npackage struct X {}",
            "import func Glibc.exp\nimport func Glibc.log", "// import Foundation", "/// Never print(x) here.",
            "let x = 1  // not Date()",
            "/* import Dispatch\n   print(x) */ let x = 1",
            "let x = Double.random(in: 0..<1, using: &generator)",
            "let x = Double.random(\n    in: f(0)..<1,\n    using: &generator)",
            "let x = fingerprint(of: y)", "let imported = important",
        ])
    func letsBe(source: String) {
        #expect(impurities(in: source, allowedImports: ["Fleet"]) == [])
    }
}

/// What in a source text a core target must not have, in the order of the rules; comments do not count.
private func impurities(in source: String, allowedImports: Set<String>) -> [String] {
    let code = source.replacing(/(?s)\/\*.*?\*\//, with: "").replacing(/(?m)(^|[^:])\/\/.*$/) { $0.output.1 }

    // A function of numbers alone is as pure as an operator.
    let rest = code.replacing(/(?m)^import func Glibc\.(?:exp|log|pow|sin|cos)$/, with: "")
    let imports = rest.matches(
        of: /(?m)^[ \t]*(?:@\w+(?:\([^)]*\))?[ \t]+)*(?:\w+[ \t]+)?import[ \t]+(?:[a-z]+[ \t]+)?(\w+)/)
    let forbidden = imports.map { String($0.output.1) }.filter { !allowedImports.contains($0) }
        .map { "imports \($0)" }

    let words = code.matches(
        of: /\b(?:Date\(|Task\.sleep|ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|(?:debugP|p)rint\()/)
    let drawn = code.matches(of: /\.(?:random|randomElement|shuffled|shuffle)\(/)
        .filter { !arguments(of: code[$0.range.upperBound...]).contains("using:") }

    return forbidden + words.map { "uses \($0.output)" } + drawn.map { "uses \($0.output) without a generator" }
}

/// The text up to the parenthesis that closes the one just before it.
private func arguments(of text: Substring) -> Substring {
    var depth = 1
    return text.prefix { character in
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        return depth > 0
    }
}

/// The names of the targets that `Package.swift` declares with `core(...)`.
private func manifestCoreTargets() throws -> [String] {
    try text(of: "Package.swift").matches(of: /\bcore\("(\w+)"/).map { String($0.output.1) }
}

private func text(of path: String) throws -> String {
    try String(decoding: Data(contentsOf: URL(filePath: SharedFixtures.repositoryRoot + "/" + path)), as: UTF8.self)
}

private func swiftFiles(below folder: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: SharedFixtures.repositoryRoot + "/" + folder)
        .filter { $0.hasSuffix(".swift") }.sorted().map { folder + "/" + $0 }
}
