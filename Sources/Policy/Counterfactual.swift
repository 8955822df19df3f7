extension Decision {
    /// Tells of each rule that moved the count what the target would be without it: the rules after it are asked again,
    /// about the same tick and with the same memory, and so is every rule that looks at the count before it.
    ///
    /// A rule that made no difference is one whose work another would have done.
    mutating func weigh(_ rules: [any Rule], _ tick: TickContext) {
        for index in steps.indices where steps[index].from != steps[index].to {
            guard let place = rules.firstIndex(where: { $0.name == steps[index].rule }) else { continue }
            steps[index].without = rules[(place + 1)...].reduce(steps[index].from) { target, rule in
                guard let proposal = rule.propose(tick, target: target) else { return target }
                return rule.kind.bound(proposal.target, target: target, current: tick.current)
            }
        }
    }
}
