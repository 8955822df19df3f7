import ArgumentParser

@main
struct VLLMSim: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vllm-sim",
        abstract: "A stand-in for a vLLM 0.32 server: its HTTP interface, its /metrics, its cold start, no model.",
        discussion: """
            Nothing listens until the boot is over. SIGTERM and SIGINT end it the way vLLM ends; during the boot they \
            end it at once.
            """)

    @OptionGroup(title: "Serving") var serving: ServingOptions
    @OptionGroup(title: "Engine") var engine: EngineOptions
    @OptionGroup(title: "Scenarios") var scenario: ScenarioOptions

    func run() async throws {
        let started = SystemProcess.wallClock
        if scenario.hangOnSigterm { SystemProcess.ignoreTermination() }
        await withDiscardingTaskGroup { group in
            if serving.exitWithParent {
                group.addTask { await leaveWithParent(SystemProcess.parentID) }
            }
            await bootUp()
            let server = Server(command: self, processStarted: started, ready: SystemProcess.wallClock)
            await server.run()
        }
    }

    private func leaveWithParent(_ parent: Int32) async {
        while SystemProcess.parentID == parent { try? await Task.sleep(for: .milliseconds(500)) }
        SystemProcess.leave(0)
    }

    /// Plays the boot in real time; returns only when it succeeds.
    private func bootUp() async {
        let jitter = scenario.bootJitter
        let script = BootScript(
            model: serving.modelNames[0], port: serving.port, settings: engine.settings,
            total: .seconds(scenario.bootTime * .random(in: 1 - jitter...1 + jitter)),
            ending: scenario.failBoot ? .failed : scenario.stuckBoot ? .stuck : .ready)
        let began = ContinuousClock.now
        for line in script.lines {
            try? await Task.sleep(until: began + line.at)
            ServerLog.write(line.process, line.source, line.message, level: line.level)
        }
        try? await Task.sleep(until: began + script.duration)
        switch script.ending {
        case .ready: return
        case .failed: SystemProcess.leave(1)
        case .stuck: while true { try? await Task.sleep(for: .seconds(3600)) }
        }
    }
}
