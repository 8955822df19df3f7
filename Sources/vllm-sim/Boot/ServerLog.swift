/// Lines in vLLM's log format. The engine core is a process of its own there; here it only has a number of its own.
enum ServerLog {
    enum Process: Sendable { case apiServer, engineCore }
    enum Level: String, Sendable { case info = "INFO", error = "ERROR" }

    /// - Parameter source: file and line, such as `core.py:133`.
    static func write(_ process: Process, _ source: String, _ message: String, level: Level = .info) {
        let (name, id) =
            switch process {
            case .apiServer: ("APIServer", SystemProcess.id)
            case .engineCore: ("EngineCore", SystemProcess.id + 1)
            }
        SystemProcess.printLine("(\(name) pid=\(id)) \(level.rawValue) \(SystemProcess.logTime) [\(source)] \(message)")
    }

    /// The web server below vLLM has a format of its own.
    static func writeUvicorn(_ message: String, level: Level = .info) {
        SystemProcess.printLine("\(level.rawValue):".padded(to: 10) + message)
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
