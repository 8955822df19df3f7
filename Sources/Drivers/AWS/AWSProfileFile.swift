/// The shared `credentials` and `config` files: sections of `key = value` lines.
struct AWSProfileFile: Sendable, Equatable {
    enum Kind: Sendable {
        /// Sections are `[name]`.
        case credentials
        /// Sections are `[profile name]` and `[default]`.
        case config
    }

    private var profiles: [String: [String: String]] = [:]

    /// Reads what can be read; lines that are no setting are skipped, as the vendor's own tools do.
    ///
    /// A later line of the same name wins, sections of the same name are merged. Indented lines belong to a nested
    /// setting and are skipped. Comments start a line with `#` or `;`, or follow a value after white space.
    init(_ text: String, kind: Kind) {
        var section: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let isIndented = line.first?.isWhitespace ?? false
            let content = String(line).trimmed
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("[") {
                section = Self.profileName(header: content, kind: kind)
                if let section, profiles[section] == nil { profiles[section] = [:] }
            } else if !isIndented, let section, let equals = content.firstIndex(of: "=") {
                let name = String(content[..<equals]).trimmed.lowercased()
                profiles[section]?[name] = Self.value(content[content.index(after: equals)...])
            }
        }
    }

    /// The settings of a profile; `nil` when the file has no such section.
    subscript(profile: String) -> [String: String]? { profiles[profile] }

    private static func profileName(header: String, kind: Kind) -> String? {
        guard let end = header.firstIndex(of: "]") else { return nil }
        let inside = String(header[header.index(after: header.startIndex)..<end]).trimmed
        if kind == .credentials || inside == "default" { return inside }
        guard inside.hasPrefix("profile"), let gap = inside.dropFirst(7).first, gap.isWhitespace else { return nil }
        let name = String(inside.dropFirst(8)).trimmed
        let quote: Character = "\""
        guard name.count >= 2, name.first == quote, name.last == quote else { return name }
        return String(name.dropFirst().dropLast())
    }

    private static func value(_ text: Substring) -> String {
        var previous: Character = " "
        for index in text.indices {
            if text[index] == "#" || text[index] == ";", previous.isWhitespace { return String(text[..<index]).trimmed }
            previous = text[index]
        }
        return String(text).trimmed
    }
}

/// One profile as both files describe it.
struct AWSProfile: Sendable {
    var name: String
    /// Whether `AWS_PROFILE` asks for it, so that its absence is a mistake.
    var isAskedFor: Bool
    var credentialsPath: String
    var configPath: String
    /// `nil` where the file has no such profile.
    var credentials: [String: String]?
    var config: [String: String]?

    init(surroundings: AWSSurroundings) {
        let asked = surroundings.variable("AWS_PROFILE") ?? surroundings.variable("AWS_DEFAULT_PROFILE")
        name = asked ?? "default"
        isAskedFor = asked != nil
        let home = surroundings.variable("HOME") ?? ""
        credentialsPath = surroundings.variable("AWS_SHARED_CREDENTIALS_FILE") ?? home + "/.aws/credentials"
        configPath = surroundings.variable("AWS_CONFIG_FILE") ?? home + "/.aws/config"
        credentials = surroundings.readFile(credentialsPath).flatMap { AWSProfileFile($0, kind: .credentials)[name] }
        config = surroundings.readFile(configPath).flatMap { AWSProfileFile($0, kind: .config)[name] }
    }

    /// A setting of either file, the credentials file first.
    subscript(_ key: String) -> String? { nonEmpty(credentials?[key]) ?? nonEmpty(config?[key]) }

    private func nonEmpty(_ value: String?) -> String? { value?.isEmpty == true ? nil : value }
}
