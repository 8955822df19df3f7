import Fleet

/// Text that is safe inside an HTML page. Whatever is interpolated is escaped, unless it is HTML itself.
///
///     let row: HTML = "<td>\(replica.id.rawValue)</td>"    // the identifier is escaped
struct HTML: ExpressibleByStringInterpolation, Sendable {
    var text: String

    init(stringLiteral value: String) { text = value }
    init(stringInterpolation: Builder) { text = stringInterpolation.text }

    struct Builder: StringInterpolationProtocol, Sendable {
        var text = ""

        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }

        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ html: HTML) { text += html.text }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }

        /// Escaped for text and for quoted attributes alike.
        mutating func appendInterpolation(_ plain: String) {
            for character in plain.unicodeScalars {
                switch character {
                case "&": text += "&amp;"
                case "<": text += "&lt;"
                case ">": text += "&gt;"
                case "\"": text += "&quot;"
                case "'": text += "&#39;"
                default: text.unicodeScalars.append(character)
                }
            }
        }
    }

    static func += (html: inout HTML, more: HTML) { html.text += more.text }
}

extension Sequence<HTML> {
    func joined(separator: HTML = "") -> HTML {
        var all: HTML = ""
        for (index, part) in enumerated() {
            if index > 0 { all += separator }
            all += part
        }
        return all
    }
}

/// How bad something is. Shown by colour, always beside a word that says the same.
enum Tone: String, Sendable {
    case good, busy, warn, bad, idle
}

/// A word on a coloured ground.
func badge(_ text: String, _ tone: Tone) -> HTML { "<span class=\"badge \(tone.rawValue)\">\(text)</span>" }

/// A moment as the time of day, the whole of it on pointing at it.
func timeCell(_ moment: Timestamp?) -> HTML {
    guard let moment else { return unknown }
    return "<time datetime=\"\(moment.description)\" title=\"\(moment.description)\">\(clockText(moment))</time>"
}

/// What stands where a value is not known.
let unknown: HTML = "<span class=\"none\" title=\"unknown\">–</span>"

func cell(_ value: Double?, _ text: (Double) -> String = { shortNumber($0) }) -> HTML {
    value.map { "\(text($0))" } ?? unknown
}

/// A share of something, 0 to 1, as a bar with its number; coloured as a warning from `full` on.
func shareCell(_ share: Double?, full: Double = .infinity) -> HTML {
    guard let share else { return unknown }
    let width = shortNumber(min(max(share, 0), 1) * 60)
    let tone: Tone = share >= full ? .warn : .good
    return """
        <svg class="bar \(tone.rawValue)" width="60" height="8" aria-hidden="true"><rect width="60" height="8" rx="2"/>\
        <rect class="fill" width="\(width)" height="8" rx="2"/></svg> \(percentText(share))
        """
}

/// A table that scrolls sideways on its own where the screen is narrow.
///
/// - Parameter head: the titles; a leading `>` sets a column of numbers to the right.
func table(_ head: [String], _ rows: [(tone: Tone?, cells: [HTML])]) -> HTML {
    let classes: [HTML] = head.map { $0.hasPrefix(">") ? " class=\"n\"" : "" }
    var html: HTML = "<div class=\"scroll\"><table><thead><tr>"
    for (title, style) in zip(head, classes) {
        html += "<th\(style) scope=\"col\">\(title.hasPrefix(">") ? String(title.dropFirst()) : title)</th>"
    }
    html += "</tr></thead><tbody>\n"
    for row in rows {
        let rowClass: HTML = row.tone.map { " class=\"row-\($0.rawValue)\"" } ?? ""
        html += "<tr\(rowClass)>"
        for (cell, style) in zip(row.cells, classes) { html += "<td\(style)>\(cell)</td>" }
        html += "</tr>\n"
    }
    html += "</tbody></table></div>\n"
    return html
}
