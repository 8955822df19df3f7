import Fleet
import Policy

/// Renders a snapshot as the page at `/`: one document without scripts, readable in a terminal browser too.
package enum StatusPage {
    /// The value of `Content-Security-Policy` that the page must be sent with: nothing but its own style and icon.
    package static let contentSecurityPolicy =
        "default-src 'none'; style-src 'sha256-\(StatusPageStyle.digest)'; img-src data:; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'"

    package static let contentType = "text/html; charset=utf-8"

    /// The page as UTF-8.
    ///
    /// - Parameter refresh: after how long the browser asks again.
    package static func render(_ snapshot: AgentSnapshot, refresh: Duration = .seconds(10)) -> [UInt8] {
        let style = HTML(stringLiteral: StatusPageStyle.css)
        let page: HTML = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="refresh" content="\(Int(max(1, refresh.seconds)))">
            <title>\(title(snapshot))</title>
            <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
            %3Cpath fill='%231659b7' d='M1 10h3v5H1zM6.500 6h3v9h-3zM12 1h3v14h-3z'/%3E%3C/svg%3E">
            <style>\(style)</style>
            </head>
            <body>
            <header>
            <h1>scale-agent</h1>
            <p>\(snapshot.version), up \(spanText(snapshot.at - snapshot.startedAt))</p>
            <p class="when">as of <time datetime="\(snapshot.at.description)">\(dayAndClock(snapshot.at))</time> UTC</p>
            </header>
            <main>
            \(pools(snapshot))\(gpuSection(snapshot))</main>
            <footer><p><a href="/metrics">/metrics</a><a href="/status.json">/status.json</a>\
            refreshes every \(spanText(refresh)), all times UTC</p></footer>
            </body>
            </html>

            """
        return [UInt8](page.text.utf8)
    }

    private static func title(_ snapshot: AgentSnapshot) -> String {
        let counts = snapshot.pools.compactMap { pool -> String? in
            guard let decision = pool.output?.decision, let current = decision.current, let target = decision.target
            else { return nil }
            return "\(pool.pool) \(current)" + (target == current ? "" : " → \(target)")
        }
        return (counts + ["scale-agent"]).joined(separator: " · ")
    }

    private static func dayAndClock(_ moment: Timestamp) -> String {
        moment.description.prefix(10) + " " + clockText(moment)
    }

    private static func pools(_ snapshot: AgentSnapshot) -> HTML {
        guard snapshot.pools.isEmpty else {
            return snapshot.pools.map { PoolSection(pool: $0, now: snapshot.at).html }.joined()
        }
        return
            "<section><h2>No pool</h2><p class=\"because\">No engine was found or configured to watch.</p></section>\n"
    }

    private static func gpuSection(_ snapshot: AgentSnapshot) -> HTML {
        guard let observation = snapshot.gpus, !observation.absent else { return "" }
        let problem: HTML = observation.error.map { "<ul class=\"alerts\"><li><b>warning</b>\($0)</li></ul>" } ?? ""
        let reports = GPUReport.all(observation, now: snapshot.at)
        let rows = reports.map { report -> (Tone?, [HTML]) in
            let memory = report[\.memoryUsedBytes].map { used -> HTML in
                guard let total = report[\.memoryTotalBytes] else { return "\(gibibytes(used))" }
                return "\(gibibytes(used)) of \(gibibytes(total))"
            }
            return (
                nil,
                [
                    "\(report.gpu.index)",
                    report.gpu.name.map { "\($0)" } ?? unknown,
                    gpuState(report),
                    shareCell(report[\.utilizationRatio]),
                    memory ?? unknown,
                    cell(report[\.temperatureCelsius]) { shortNumber($0, decimals: 0) + " °C" },
                    cell(report[\.powerWatts]) { shortNumber($0, decimals: 0) + " W" },
                ]
            )
        }
        let listed: HTML =
            rows.isEmpty
            ? "<p class=\"because\">No GPU was read yet.</p>"
            : table(["gpu", "name", "state", "utilization", ">memory", ">temperature", ">power"], rows)
        return "<section><h2>GPUs of this host</h2>\(problem)\n\(listed)</section>\n"
    }

    private static func gpuState(_ report: GPUReport) -> HTML {
        if let fault = report.gpu.fault { return badge(fault, .bad) }
        return report.isStale ? badge("stale", .warn) : badge("ok", .good)
    }
}
