import Fleet
import Glibc
import TestSupport
import Testing

@testable import Drivers

/// What an agent finds that starts where another one ended.
@Suite(.timeLimit(.minutes(2)))
struct LocalAdoptionTests {
    @Test func `replicas outlive their driver and are adopted as they are`() async throws {
        try await LocalHost.with { host in
            let settings = host.settings("exec sleep 300")
            let first = try host.driver(settings)
            try await first.grow(to: 2)
            let before = try await first.describe().replicas
            let pids = await first.leaders

            let driver = try host.driver(settings)
            #expect(try await driver.describe().replicas == before)
            #expect(await driver.leaders == pids)
            try await driver.grow(to: 2)
            #expect(await driver.leaders == pids)

            try await driver.remove([before[0].id])
            #expect(try await eventually { try await driver.describe().replicas == [before[1]] })
            #expect(!isAlive(pids[0]) && isAlive(pids[1]))
        }
    }

    @Test func `an order to grow right after a restart counts what is there`() async throws {
        try await LocalHost.with { host in
            let settings = host.settings("exec sleep 300", slots: 3)
            try await host.driver(settings).grow(to: 2)
            try await host.driver(settings).grow(to: 2)
            #expect(host.marked().count == 2)
        }
    }

    @Test func `a stop under way goes on after a restart and keeps its deadline`() async throws {
        try await LocalHost.with { host in
            let settings = host.settings(
                "trap '' TERM; echo up; while :; do sleep 0.1; done", gracefulStop: .seconds(3600))
            let first = try host.driver(settings)
            try await first.grow(to: 1)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            try await first.remove(try await first.describe().replicas.map(\.id))

            let second = try host.driver(settings)
            #expect(try await second.states() == [.terminating])
            #expect(host.marked().contains { $0.stat.pid == $0.stat.session })

            host.advance(by: .seconds(3600))
            let driver = try host.driver(settings)
            #expect(try await eventually { try await driver.states() == [] })
            #expect(host.marked().isEmpty)
        }
    }

    @Test func `a driver that only looks changes nothing, overdue stops and missing folders included`() async throws {
        try await LocalHost.with { host in
            let settings = host.settings(
                "trap '' TERM; echo up; while :; do sleep 0.1; done", gracefulStop: .seconds(3600))
            let first = try host.driver(settings)
            try await first.grow(to: 1)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            try await first.remove(try await first.describe().replicas.map(\.id))
            host.advance(by: .seconds(7200))

            let looking = try host.driver(settings, onlyLooks: true)
            #expect(try await looking.states() == [.terminating])
            await #expect(throws: DriverError.rejected(message: "this driver only looks")) {
                try await looking.grow(to: 2)
            }
            #expect(!host.marked().isEmpty)
            let elsewhere = try LocalProcessDriver(
                settings: settings, stateDirectory: "/nonexistent/state", inheritedEnvironment: [:], onlyLooks: true,
                now: { Timestamp(millisecondsSince1970: 0) })
            #expect(try await elsewhere.describe().replicas.isEmpty)
        }
    }

    @Test(arguments: ["sleep 300 & echo up; exit 4", "setsid sleep 300 & sleep 300 & echo up; exit 4"])
    func `children of a crashed replica hold its slot until they are swept`(script: String) async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings(script, slots: 1, stragglerGrace: .seconds(1)))
            try await driver.grow(to: 1)
            #expect(try await eventually { try await driver.states() == [.failed("exited with status 4")] })
            let replica = try await driver.describe().replicas[0].id
            await #expect(throws: DriverError.unreachable(message: "slot 0 is held by \(replica)")) {
                try await driver.grow(to: 1)
            }
            #expect(await eventually { host.marked().isEmpty })
            #expect(try await driver.states() == [.failed("exited with status 4")])
            #expect(try await driver.remove([replica]).alreadyGone == [replica])
            #expect(try await driver.states() == [])
        }
    }

    @Test func `children without a leader are found after a restart and swept, never taken for a replica`()
        async throws
    {
        try await LocalHost.with { host in
            let settings = host.settings("sleep 300 & echo up; exit 4", slots: 1, stragglerGrace: .seconds(1))
            try await host.driver(settings).grow(to: 1)
            #expect(
                await eventually {
                    host.log("p-0.log") == "up\n" && host.marked().allSatisfy { $0.stat.pid != $0.stat.session }
                })
            #expect(host.marked().count == 1)

            let driver = try host.driver(settings)
            #expect(try await driver.states() == [.failed("\(ProcessEnd.unknown)")])
            #expect(await eventually { host.marked().isEmpty })
        }
    }

    @Test func `a child in a session of its own that outlives a removed replica is swept by a later scan`()
        async throws
    {
        try await LocalHost.with { host in
            let driver = try host.driver(
                host.settings("setsid sleep 300 & echo up; exec sleep 300", stragglerGrace: .zero))
            try await driver.grow(to: 1)
            #expect(await eventually { host.marked().filter { $0.stat.pid == $0.stat.session }.count == 2 })
            try await driver.remove(try await driver.describe().replicas.map(\.id))
            #expect(try await eventually { try await driver.states() == [] })
            #expect(host.marked().count == 1)
            host.advance(by: .seconds(61))
            #expect(try await driver.states() == [], "a leftover is no replica")
            #expect(await eventually { host.marked().isEmpty })
        }
    }

    @Test func `another pool's and another agent's replicas are neither seen nor touched`() async throws {
        try await LocalHost.with { host in
            try await LocalHost.with { neighbour in
                let mine = try host.driver(host.settings("exec sleep 300"))
                var otherPool = host.settings(pool: "q", "exec sleep 300")
                otherPool.ports = (host.firstPort + 2)...(host.firstPort + 3)
                try await mine.grow(to: 1)
                try await host.driver(otherPool).grow(to: 1)
                try await neighbour.driver(neighbour.settings("exec sleep 300")).grow(to: 1)

                let restarted = try host.driver(host.settings("exec sleep 300"))
                #expect(try await restarted.describe().replicas.count == 1)
                #expect(await restarted.stopAll(deadline: .zero) == [])
                #expect(host.marked().isEmpty)
                #expect(host.marked(pool: "q").count == 1)
                #expect(neighbour.marked().count == 1)
            }
        }
    }

    @Test func `processes with broken or half our variables are passed over`() async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings("exec sleep 300"))
            try await driver.grow(to: 1)
            let odd =
                #"exec env "$(printf 'SCALE_AGENT_STATE=\377\376')" "$(printf '\200X=\n=')" SCALE_AGENT_SLOT=x sleep 300"#
            let stranger = try launch(
                command: ["/bin/sh", "-c", odd], environment: ["SCALE_AGENT_STATE=\(host.state)", "=", "NOVALUE"],
                logPath: "/dev/null")
            defer { stranger.killGroup() }
            let restarted = try host.driver(host.settings("exec sleep 300"))
            #expect(try await restarted.describe().replicas.count == 1)
            #expect(await restarted.stopAll(deadline: .zero) == [])
            #expect(isAlive(stranger.pid))
        }
    }
}
