import Foundation

/// One line on standard error that says how far something is; nothing where that is no terminal.
struct ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1

    func show(_ what: String, share: Double) {
        write("\r\u{1B}[K\(what) \(Int((share * 100).rounded(.down))) %")
    }

    func clear() { write("\r\u{1B}[K") }

    private func write(_ text: String) {
        if isTerminal { FileHandle.standardError.write(Data(text.utf8)) }
    }
}
