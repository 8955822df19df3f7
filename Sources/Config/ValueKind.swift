import Glibc

/// How one scalar of the file becomes a value.
struct ValueKind<Value> {
    /// Completes "expected".
    var expected: String
    /// A value that would be right.
    var example: String
    /// Reads the text of a scalar; `isPlain` when it was written without quotes.
    var read: (_ text: String, _ isPlain: Bool) throws(Misfit) -> Value
}

/// Why a text is not of a kind. What is `nil` is filled in: "expected ..., found ...", "write for example ...".
struct Misfit: Error {
    var what: String?
    var remedy: String?
}

extension ValueKind {
    private init(_ expected: String, example: String, _ parse: @escaping (String) -> Value?) {
        self.expected = expected
        self.example = example
        read = { text, _ throws(Misfit) in
            guard let value = parse(text) else { throw Misfit() }
            return value
        }
    }

    /// The same, or a word such as `off` for none.
    static func orOff<Wrapped>(_ kind: ValueKind<Wrapped>, word: String = "off") -> Self where Value == Wrapped? {
        ValueKind(expected: "\(kind.expected), or \(word)", example: kind.example) { text, isPlain throws(Misfit) in
            text == word ? nil : try kind.read(text, isPlain)
        }
    }

    /// One of the words of an enumeration.
    static func word() -> Self where Value: RawRepresentable<String> & CaseIterable {
        let words = Value.allCases.map(\.rawValue)
        return ValueKind("one of \(words.joined(separator: ", "))", example: words[0]) { Value(rawValue: $0) }
    }
}

extension ValueKind<Bool> {
    static var yesOrNo: Self {
        ValueKind("true or false", example: "true") { ["true": true, "false": false][$0] }
    }
}

// MARK: - Numbers

extension ValueKind<Int> {
    /// A whole number, without quotes.
    static func integer(_ range: ClosedRange<Int>, example: Int? = nil) -> Self {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return ValueKind(expected: expected, example: "\(example ?? range.lowerBound)") {
            text, isPlain throws(Misfit) in
            guard isPlain, let value = Int(text), range.contains(value) else { throw Misfit() }
            return value
        }
    }
}

extension ValueKind<Int> {
    static func bytes(_ range: ClosedRange<Int>, example: String) -> Self {
        let expected = "\(BytesText.format(range.lowerBound)) to \(BytesText.format(range.upperBound))"
        return ValueKind(expected, example: example) { text in
            BytesText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ValueKind<Double> {
    /// A number, without quotes.
    static func number(_ range: ClosedRange<Double>, example: String) -> Self {
        let (low, high) = (NumberText.format(range.lowerBound), NumberText.format(range.upperBound))
        return ValueKind(expected: "a number from \(low) to \(high)", example: example) {
            text, isPlain throws(Misfit) in
            guard isPlain, let value = NumberText.parse(text), range.contains(value) else { throw Misfit() }
            return value
        }
    }

    /// A share: `60%`, or `0.6`. Other bare numbers could mean either, so they are refused.
    static func percent(_ range: ClosedRange<Double>, example: String) -> Self {
        let expected = "\(PercentText.format(range.lowerBound)) to \(PercentText.format(range.upperBound))"
        return ValueKind(expected: expected, example: example) { text, _ throws(Misfit) in
            let hasSign = text.hasSuffix("%")
            let digits = hasSign ? String(text.dropLast(text.hasSuffix(" %") ? 2 : 1)) : text
            guard let number = NumberText.parse(digits) else { throw Misfit() }
            if !hasSign, number != 0, !(digits.contains(".") && number < 1) {
                throw Misfit(remedy: "write \(PercentText.format(number / 100)) or \(number / 100)")
            }
            let share = hasSign ? number / 100 : number
            guard range.contains(share) else { throw Misfit() }
            return share
        }
    }
}

extension ValueKind<Duration> {
    static func duration(_ range: ClosedRange<Duration>, example: String) -> Self {
        let expected = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return ValueKind(expected: expected, example: example) { text, _ throws(Misfit) in
            if let number = NumberText.parse(text) {
                throw Misfit(remedy: "write the unit, for example \(NumberText.format(number))s")
            }
            guard let span = DurationText.parse(text), range.contains(span) else { throw Misfit() }
            return span
        }
    }
}

extension ValueKind<ClosedRange<Int>> {
    /// `8001-8004`.
    static var ports: Self {
        ValueKind("ports as first-last, from 1 to 65535", example: "8001-8004") { text in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count == 2, let first = ends[0], let last = ends[1], 1 <= first, first <= last, last <= 65_535
            else { return nil }
            return first...last
        }
    }
}

// MARK: - Texts

extension ValueKind<String> {
    static func text(_ expected: String = "a text", example: String) -> Self {
        ValueKind(expected, example: example) { $0.isEmpty || $0.contains(where: \.isControl) ? nil : $0 }
    }

    /// A file; a relative path starts at the folder of the configuration.
    static func path(_ secrets: SecretText, example: String) -> Self {
        ValueKind("a file", example: example) { text in
            if text.isEmpty || text.contains(where: \.isControl) { return nil }
            return text.hasPrefix("/") ? text : secrets.folder + text
        }
    }

    static var addressBlock: Self {
        ValueKind("an address, or a block of them", example: "10.0.0.0/8") { $0.isAddressBlock ? $0 : nil }
    }

    static var poolName: Self {
        ValueKind("1 to 63 of a-z, 0-9 and -, not starting with -", example: "chat") { text in
            let isName = text.allSatisfy { "a"..."z" ~= $0 || "0"..."9" ~= $0 || $0 == "-" }
            return isName && 1...63 ~= text.utf8.count && text.first != "-" ? text : nil
        }
    }

    /// The path of a URL.
    static func urlPath(example: String) -> Self {
        ValueKind("a path that starts with /", example: example) { text in
            text.hasPrefix("/") && text.utf8.allSatisfy { 0x21...0x7E ~= $0 } && !text.contains("#") ? text : nil
        }
    }

    /// Scheme, host and perhaps port; a slash at the end is dropped.
    static func address(example: String) -> Self {
        let expected = "http:// or https://, a host, and perhaps a port"
        return ValueKind(expected: expected, example: example) { text, _ throws(Misfit) in
            guard !text.contains("@") else {
                throw Misfit(
                    what: "an address with a user or a password in it would be shown in many places",
                    remedy: "send credentials as a header")
            }
            let address = text.hasSuffix("/") ? String(text.dropLast()) : text
            guard let scheme = ["http://", "https://"].first(where: address.hasPrefix) else { throw Misfit() }
            let authority = String(address.dropFirst(scheme.count))
            let host = HostAndPort(authority)?.host ?? HostAndPort(authority + ":80")?.host
            guard let host, authority.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), host.isHostName else { throw Misfit() }
            return address
        }
    }
}

extension ValueKind<ListenAddress> {
    static var listenAddress: Self {
        ValueKind("host:port", example: "127.0.0.1:9839") { text in
            HostAndPort(text).flatMap { $0.host.isHostName ? ListenAddress(host: $0.host, port: $0.port) : nil }
        }
    }
}

extension ValueKind<GatewayListener.Address> {
    static var gatewayAddress: Self {
        ValueKind("host:port, or unix:/path", example: "127.0.0.1:8080") { text in
            if text.hasPrefix("unix:/") { return .unix(path: String(text.dropFirst("unix:".count))) }
            return HostAndPort(text).flatMap {
                $0.host.isHostName ? .tcp(ListenAddress(host: $0.host, port: $0.port)) : nil
            }
        }
    }
}

/// `host:port`, or `[::1]:port` for an IPv6 address.
private struct HostAndPort {
    var host: String
    var port: Int

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            text[text.index(after: colon)...].utf8.allSatisfy({ (48...57) ~= $0 }), 0...65_535 ~= port
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.contains(":") {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { ":[]".contains($0) }) {
            return nil
        }
        self.host = String(host)
        self.port = port
    }
}

extension String {
    /// A name, an address, or a placeholder for one.
    fileprivate var isHostName: Bool {
        !isEmpty && utf8.allSatisfy { 0x21...0x7E ~= $0 } && !contains { "/?#\\\"[]".contains($0) }
    }
}

extension String {
    /// An IPv4 or IPv6 address, and perhaps a slash and the bits that count.
    fileprivate var isAddressBlock: Bool {
        let parts = split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { return false }
        var bytes = [UInt8](repeating: 0, count: 16)
        let bits =
            inet_pton(AF_INET, String(first), &bytes) == 1
            ? 32 : inet_pton(AF_INET6, String(first), &bytes) == 1 ? 128 : nil
        guard let bits else { return false }
        return parts.count == 1 || Int(parts[1]).map { (0...bits).contains($0) } ?? false
    }
}

extension Character {
    fileprivate var isControl: Bool { unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } }
}
