import Fleet
import Forecast
import Policy

/// One pool on the status page: what is, what should be and why, then the evidence.
struct PoolSection {
    var pool: PoolSnapshot
    var now: Timestamp

    var html: HTML {
        """
        <section>
        <h2>\(pool.pool.rawValue) \(authorityBadge)<small>\(pool.driver), \
        \(pool.settings.minimum) to \(pool.settings.maximum) replicas</small></h2>
        \(problems)\(headline)
        \(tiles)\(charts)\(steps)\(replicas)\(recent)</section>

        """
    }

    private var authorityBadge: HTML {
        switch pool.authority {
        case .act: badge("acting", .good)
        case .paused: badge("paused", .warn)
        case .advise, .notLeader: badge(pool.authority.description, .idle)
        }
    }

    // MARK: What is, what should be

    private var headline: HTML {
        guard let output = pool.output else {
            return "<p class=\"headline\">Waiting for the first decision</p>"
        }
        guard let supply = output.supply, let current = output.decision.current, let target = output.decision.target
        else { return "<p class=\"headline\">Fleet unknown, nothing is changed</p>" }
        let parts = supply.counts.filter { $0.count > 0 }.map { "\($0.count) \($0.state)" }
        let now = parts.isEmpty ? "no replicas" : parts.joined(separator: ", ")
        let next = target == current ? "stay at \(target)" : "target \(target)"
        let why: HTML = reasons(output.decision).map { "<p class=\"because\">because \($0)</p>" } ?? ""
        return "<p class=\"headline\">\(now)<span class=\"arrow\">→</span>\(next)</p>\(why)"
    }

    /// What is needed, and what else settled the count if that was not all.
    private func reasons(_ decision: Decision) -> HTML? {
        guard let binding = decision.binding else { return nil }
        let need = decision.steps.first.flatMap { $0.rule == .observedDemand && $0 != binding ? $0 : nil }
        return [need, binding].compactMap { $0 }.map { step -> HTML in
            "\(step.reason.description) <code>\(step.rule.rawValue)</code>"
        }.joined(separator: "; ")
    }

    private var problems: HTML {
        let found = PoolProblem.all(pool, now: now)
        guard !found.isEmpty else { return "" }
        let items: [HTML] = found.map { problem in
            problem.isUrgent
                ? "<li class=\"bad\"><b>problem</b>\(problem.text)</li>" : "<li><b>warning</b>\(problem.text)</li>"
        }
        return "<ul class=\"alerts\">\(items.joined())</ul>\n"
    }

    private var tiles: HTML {
        guard let demand = pool.output?.demand else { return "" }
        let parts = [(demand.running, "running"), (demand.waiting, "waiting"), (demand.held, "held")]
            .compactMap { value, name in value.map { "\(shortNumber($0)) \(name)" } }
        var tiles = tile("demand", cell(demand.requests), parts.joined(separator: ", "))
        let isSteered = pool.output?.choice != nil
        let growth = "grows above \(percentText(pool.settings.scaleUp.loadAbove))"
        tiles += tile("load", cell(pool.load, percentText), isSteered ? "sized by the objective" : growth)
        tiles += objectiveTile
        tiles += forecastTile
        let capacitySource = pool.settings.capacity == nil ? "per replica, learned" : "per replica, configured"
        tiles += tile("capacity", cell(pool.capacity), pool.capacity == nil ? "not learned yet" : capacitySource)
        let tokens = pool.rate(\.generationTokensPerSecond)
        if tokens != nil {
            let prompt = pool.rate(\.promptTokensPerSecond).map { "\(shortNumber($0, decimals: 0)) prompt" } ?? ""
            tiles += tile("tokens per second", cell(tokens) { shortNumber($0, decimals: 0) }, prompt)
        }
        let measured = pool.memory.boots.measured.count
        let eta = pool.bootETA.map { $0 > .zero ? "next in \(spanText($0))" : "next is overdue" }
        tiles += tile("cold start, p90", "\(spanText(pool.bootP90))", eta ?? "\(measured) measured")
        if let price = pool.usdPerHour { tiles += tile("cost", "$\(moneyText(price))", "per hour") }
        return "<dl class=\"tiles\">\(tiles)</dl>\n"
    }

    private var objectiveTile: HTML {
        guard let choice = pool.output?.choice, let objective = pool.settings.objective else { return "" }
        let promise = "\(percentText(objective.share)) within \(spanText(objective.wait))"
        return tile(
            "in time", cell(choice.share, percentText),
            "of \(promise), by \(choice.followed.candidate)\(choice.isLearning ? ", still learning" : "")")
    }

    private var forecastTile: HTML {
        guard let forecast = pool.output?.forecast, let expected = forecast.expected(pool.settings.forecast) else {
            return ""
        }
        let chance = percentText(pool.settings.forecast.quantile)
        let trust =
            forecast.skill.isActive ? "" : forecast.skill.overLastValue == nil ? ", still learning" : ", not trusted"
        return tile(
            "within \(spanText(forecast.demand.lead))", "\(shortNumber(expected))",
            "requests at most, \(chance) sure\(trust)")
    }

    private func tile(_ title: String, _ value: HTML, _ note: String) -> HTML {
        "<div><dt>\(title)</dt><dd>\(value)<small>\(note)</small></dd></div>"
    }

    private var charts: HTML {
        let points = pool.history
        guard let first = points.first, let last = points.last else { return "" }
        let demand = Chart(
            title: "Requests, last \(spanText(last.at - first.at))",
            lines: [
                Chart.Line(name: "demand", style: "demand", values: points.map(\.requests), isFilled: true),
                Chart.Line(name: "expected", style: "expected", values: points.map(\.expected)),
            ])
        func counts(_ name: String, _ count: (HistoryPoint) -> Int?, isFilled: Bool = false) -> Chart.Line {
            let values = points.map { count($0).map(Double.init) }
            return Chart.Line(name: name, style: name, values: values, isStepped: true, isFilled: isFilled)
        }
        let replicas = Chart(
            title: "Replicas",
            lines: [
                counts("serving", \.serving, isFilled: true), counts("current", \.current), counts("target", \.target),
            ])
        let drawn = [demand.html, replicas.html].compactMap { $0 }
        return drawn.isEmpty ? "" : "<div class=\"charts\">\n\(drawn.joined())</div>\n"
    }

    // MARK: Evidence

    private var steps: HTML {
        guard let decision = pool.output?.decision, !decision.steps.isEmpty else { return "" }
        let binding = decision.steps.lastIndex { $0 == decision.binding }
        let rows = decision.steps.enumerated().map { index, step -> (Tone?, [HTML]) in
            let effect: HTML = step.from == step.to ? "\(step.to)" : "\(step.from) → \(step.to)"
            let rule: HTML = "<code>\(step.rule.rawValue)</code>"
            return (
                index == binding ? .busy : nil,
                [rule, effect, cell(step.without.map(Double.init)), "\(step.reason.description)"]
            )
        }
        let listed = table(["rule", ">replicas", ">without it", "reason"], rows)
        return "<h3>Last decision, step by step</h3><div class=\"steps\">\(listed)</div>"
    }

    private var replicas: HTML {
        let rows = ReplicaRow.all(pool, now: now)
        guard !rows.isEmpty else { return "" }
        let head = ["replica", "state", ">running", ">waiting", "KV cache", ">read", ">serving for", ">$/h", "where"]
        return "<h3>Replicas</h3>\(table(head, rows.map { (nil, $0.cells) }))"
    }

    private var recent: HTML {
        guard !pool.recent.isEmpty else { return "" }
        let rows = pool.recent.map { recent -> (Tone?, [HTML]) in
            let decision = recent.decision
            let change = [decision.current, decision.target].map { $0.map(String.init) ?? "?" }
            return (
                nil,
                [
                    timeCell(recent.at),
                    "\(change.joined(separator: " → "))",
                    decision.binding.map { "<code>\($0.rule.rawValue)</code>" } ?? unknown,
                    recent.action.map { "\($0.description)" } ?? unknown,
                    recent.result.map { "\($0)" } ?? unknown,
                    decision.binding.map { "\($0.reason.description)" } ?? unknown,
                ]
            )
        }
        let listed = table(["at", ">change", "rule", "action", "answer", "reason"], rows)
        return "<h3>Recent decisions</h3><div class=\"recent\">\(listed)</div>"
    }
}
