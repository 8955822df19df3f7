/// Lines in vLLM's log format. The engine core is a process of its own there; here it only has a number of its own.
enum ServerLog {
    enum Process: Int32, Sendable { case apiServer, engineCore }
    enum Level: String, Sendable { case info = "INFO", error = "ERROR" }

    /// - Parameter source: file and line, such as `core.py:133`.
    static func write(_ process: Process, _ source: String, _ message: String, level: Level = .info) {
        let (name, id) = (process == .apiServer ? "APIServer" : "EngineCore", SystemProcess.id + process.rawValue)
        SystemProcess.printLine("(\(name) pid=\(id)) \(level.rawValue) \(SystemProcess.logTime) [\(source)] \(message)")
    }

    /// The web server below vLLM has a format of its own.
    static func writeUvicorn(_ message: String, level: Level = .info) {
        let gap = String(repeating: " ", count: 9 - level.rawValue.count)
        SystemProcess.printLine("\(level.rawValue):\(gap)\(message)")
    }
}
