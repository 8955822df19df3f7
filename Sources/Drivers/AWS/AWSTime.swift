import Fleet
import FoundationEssentials

/// Moments as AWS writes them.
enum AWSTime {
    /// RFC 3339 with or without a fraction, such as `2026-11-21T03:45:01.838Z`; `nil` when it is anything else.
    static func rfc3339(_ text: String) -> Timestamp? {
        (try? Date(text, strategy: .iso8601)).map { Timestamp(secondsSince1970: $0.timeIntervalSince1970) }
    }

    /// The `Date` header, such as `Sat, 21 Nov 2026 03:45:01 GMT`; the two older forms of HTTP are not sent by AWS.
    static func httpDate(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, parts[5] == "GMT", parts[1].count == 2,
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        return rfc3339("\(parts[3])-\(month < 9 ? "0" : "")\(month + 1)-\(parts[1])T\(parts[4])Z")
    }
}
