package import Exposition

/// Why a body tells nothing about an engine. Never an empty or a zero sample in its place.
package enum EngineReadError: Error, Hashable, Sendable {
    case status(Int)
    /// Something else answered: a login page, a JSON API.
    case contentType(String)
    case empty
    /// The last line has no end: the transfer was cut, and a cut number still reads as a number.
    case cut
    case damaged(ExpositionError)
    /// Metrics, but none of this engine's.
    case noSignals(hint: String, skippedLines: Int)
}

extension EngineReadError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .status(let status): "expected status 200, found \(status)"
        case .contentType(let type): "content type \"\(type)\": expected text/plain or application/openmetrics-text"
        case .empty: "empty body"
        case .cut: "cut off: the last line has no line feed"
        case .damaged(let error): "\(error)"
        case .noSignals(let hint, 0): hint
        case .noSignals(let hint, let lines): "\(hint) (unreadable lines: \(lines))"
        }
    }
}
