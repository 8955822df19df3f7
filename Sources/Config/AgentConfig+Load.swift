import FoundationEssentials

extension AgentConfig {
    /// Reads and checks a file.
    ///
    /// - Parameters:
    ///   - environment: of the process; only `${env:NAME}` looks into it.
    ///   - keyNames: the names in a gateway's file of keys; with it the files that a start needs have to be there.
    /// - Throws: all that is wrong, sorted by position.
    package static func load(
        path: String, environment: [String: String],
        keyNames: ((String) throws(UnreadableFile) -> Set<String>)? = nil
    ) throws(ConfigProblems) -> AgentConfig {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path)
        } catch {
            throw ConfigProblems([
                ConfigProblem(file: path, path: "", what: "it cannot be read: \(error.reason)", remedy: "")
            ])
        }
        return try parse(text: bytes, file: path, environment: environment, readFile: readFile, keyNames: keyNames)
    }

    /// Checks the bytes of a file. Pure, but for what `readFile` does.
    ///
    /// - Parameters:
    ///   - file: its path, as messages name it; relative paths in it start at its folder.
    ///   - readFile: reads what `${file:PATH}` names.
    package static func parse(
        text: some Sequence<UInt8>, file: String, environment: [String: String],
        readFile: @escaping (String) throws(UnreadableFile) -> [UInt8],
        keyNames: ((String) throws(UnreadableFile) -> Set<String>)? = nil
    ) throws(ConfigProblems) -> AgentConfig {
        let log = ProblemLog(file: file)
        var config: AgentConfig?
        if let root = YAMLDocument.root(of: Array(text), log: log) {
            let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
            var secrets = SecretText(environment: environment, folder: folder, readFile: readFile)
            secrets.keyNames = keyNames
            config = read(MappingReader(root, path: "", position: nil, log: log), secrets)
        }
        guard var config, log.problems.isEmpty else { throw ConfigProblems(log.problems) }
        config.warnings = log.warnings.sorted()
        return config
    }

    private static func readFile(_ path: String) throws(UnreadableFile) -> [UInt8] {
        do {
            return try [UInt8](Data(contentsOf: URL(filePath: path)))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            throw UnreadableFile(reason: "there is no such file")
        } catch let error as CocoaError where error.code == .fileReadNoPermission {
            throw UnreadableFile(reason: "permission denied")
        } catch {
            throw UnreadableFile(reason: "it is no readable file")
        }
    }
}
