import Fleet
import FoundationEssentials
import Glibc
import TestSupport
import Testing

@testable import Drivers

/// Every test starts real processes; `read` stands for a server, since it waits and lets a trap run at once.
@Suite(.timeLimit(.minutes(2)))
struct LocalProcessDriverTests {
    @Test func `a replica runs in its slot with what the placeholders stand for`() async throws {
        try await LocalHost.with { host in
            var settings = host.settings(
                #"echo port=$0 gpu=$CUDA_VISIBLE_DEVICES $KEPT-$SCALE_AGENT_POOL-$NOTIFY_SOCKET; exec sleep 300"#)
            settings.command.append("{port} {slot} {id} {x}")
            settings.environment = ["CUDA_VISIBLE_DEVICES": "{gpu}"]
            settings.gpus = ["0,1", "2,3"]
            settings.usdPerHour = 1.5
            let driver = try host.driver(
                settings, environment: ["KEPT": "kept", "SCALE_AGENT_POOL": "forged", "NOTIFY_SOCKET": "/run/n"])
            try await driver.grow(to: 2)

            let fleet = try await driver.describe()
            let start = Timestamp(secondsSince1970: 1_700_000_000)
            let second = start + .milliseconds(1)
            #expect(fleet.desired == nil)
            #expect(fleet.maximum == 2)
            #expect(
                fleet.replicas == [
                    Replica(
                        id: ReplicaID(rawValue: "p-0-\(String(start.millisecondsSince1970, radix: 36))"), state: .ready,
                        launchedAt: start, usdPerHour: 1.5, endpoint: "http://127.0.0.1:\(host.firstPort)"),
                    Replica(
                        id: ReplicaID(rawValue: "p-1-\(String(second.millisecondsSince1970, radix: 36))"),
                        state: .ready, launchedAt: second, usdPerHour: 1.5,
                        endpoint: "http://127.0.0.1:\(host.firstPort + 1)"),
                ])
            let expected = "port=\(host.firstPort + 1) 1 \(fleet.replicas[1].id) {x} gpu=2,3 kept-p-\n"
            #expect(await eventually { host.log("p-1.log") == expected })
        }
    }

    @Test func `a replica leads a session and holds no descriptor of the agent`() async throws {
        try await LocalHost.with { host in
            let leak = open("/dev/null", O_RDONLY)
            defer { close(leak) }
            let driver = try host.driver(host.settings("exec sleep 300"))
            try await driver.grow(to: 1)
            let pid = try #require(await driver.leaders.first)
            #expect(ProcessTable.stat(pid)?.session == pid)
            // The loader and the shell open files of their own for a moment.
            let isClean = try await eventually(within: .seconds(5)) {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").sorted() == ["0", "1", "2"]
            }
            #expect(isClean)
        }
    }

    @Test func `growing again to the same size starts no more`() async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings("exec sleep 300", slots: 3))
            async let one = driver.grow(to: 2)
            async let other = driver.grow(to: 2)
            _ = try await (one, other)
            try await driver.grow(to: 1)
            #expect(try await driver.states() == [.ready, .ready])
            #expect(host.marked().count == 2)
        }
    }

    @Test func `more replicas than slots are refused as a whole`() async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings("exec sleep 300"))
            await #expect {
                try await driver.grow(to: 3)
            } throws: {
                ($0 as? DriverError)?.kind == "no_capacity"
            }
            #expect(try await driver.states() == [])
        }
    }

    @Test func `a program that does not exist is rejected with the reason`() async throws {
        try await LocalHost.with { host in
            var settings = host.settings("")
            settings.command = ["/no/such/program"]
            let driver = try host.driver(settings)
            await #expect(
                throws: DriverError.rejected(message: "cannot run /no/such/program: No such file or directory")
            ) {
                try await driver.grow(to: 1)
            }
            #expect(try await driver.states() == [])
        }
    }

    @Test func `a slot whose port a stranger holds is passed over, and named when it is missed`() async throws {
        try await LocalHost.with { host in
            let stranger = try #require(listener(on: host.firstPort))
            defer { close(stranger) }
            let driver = try host.driver(host.settings("exec sleep 300"))
            try await driver.grow(to: 1)
            #expect(try await driver.describe().replicas.map(\.endpoint) == ["http://127.0.0.1:\(host.firstPort + 1)"])
            let message = "port \(host.firstPort) of slot 0 is in use by another program"
            await #expect(throws: DriverError.noCapacity(market: .onDemand, zone: nil, message: message)) {
                try await driver.grow(to: 2)
            }
            #expect(try await driver.states() == [.ready])
        }
    }

    @Test func `a removed replica may finish and leaves no zombie`() async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(
                host.settings("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
            try await driver.grow(to: 2)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            let victim = try await driver.describe().replicas[0].id
            let pid = await driver.leaders[0]
            let unknown = ReplicaID(rawValue: "p-9-x")
            #expect(try await driver.remove([victim, unknown]).alreadyGone == [unknown])
            #expect(try await driver.remove([victim]).alreadyGone == [], "asking twice asks once")
            #expect(try await eventually { try await driver.states() == [.ready] })
            #expect(host.log("p-0.log") == "up\nbye\n")
            #expect(ProcessTable.stat(pid) == nil)
            #expect(try await driver.remove([victim]).alreadyGone == [victim])
        }
    }

    @Test func `a replica that ignores SIGTERM is killed at the deadline though nobody asks`() async throws {
        try await LocalHost.with { host in
            let script = "trap '' TERM; sleep 300 & echo up; while :; do sleep 1; done"
            let driver = try host.driver(host.settings(script, gracefulStop: .seconds(1)))
            try await driver.grow(to: 1)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            let replica = try await driver.describe().replicas[0].id
            let pid = await driver.leaders[0]
            try await driver.remove([replica])
            #expect(try await driver.states() == [.terminating])
            #expect(isAlive(pid))
            #expect(await eventually { host.marked().isEmpty })
            #expect(try await eventually { try await driver.states() == [] })
        }
    }

    @Test func `a replica that lost its markers is still killed as a group by the driver that started it`() async throws
    {
        try await LocalHost.with { host in
            let script = "exec env -i /bin/sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done'"
            let driver = try host.driver(host.settings(script, gracefulStop: .zero))
            try await driver.grow(to: 1)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            let leader = try #require(await driver.replicas.values.first?.leader)
            defer { leader.killGroup() }
            #expect(host.marked().isEmpty)
            try await driver.remove(try await driver.describe().replicas.map(\.id))
            #expect(try await eventually { try await driver.states() == [] })
        }
    }

    @Test func `a slot that is not free yet is waited for, not taken twice`() async throws {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings("trap '' TERM; echo up; while :; do sleep 1; done", slots: 1))
            try await driver.grow(to: 1)
            #expect(await eventually { host.log("p-0.log") == "up\n" })
            let replica = try await driver.describe().replicas[0].id
            try await driver.remove([replica])
            await #expect(throws: DriverError.unreachable(message: "slot 0 is held by \(replica)")) {
                try await driver.grow(to: 1)
            }
        }
    }

    @Test(arguments: [("exit 3", "exited with status 3"), ("kill -9 $$", "killed by signal 9")])
    func `a crash is reported with how it ended, until its slot is used again`(script: String, reason: String)
        async throws
    {
        try await LocalHost.with { host in
            let driver = try host.driver(host.settings("echo attempt $SCALE_AGENT_REPLICA; \(script)"))
            try await driver.grow(to: 1)
            #expect(try await eventually { try await driver.states() == [.failed(reason)] })
            let first = try await driver.describe().replicas[0].id
            #expect(host.log("p-0.log") == "attempt \(first)\n")
            host.advance(by: .seconds(5))
            try await driver.grow(to: 1)
            let second = try await driver.describe().replicas.map(\.id)
            #expect(second.count == 1 && second != [first])
            #expect(host.log("p-0.log.1") == "attempt \(first)\n")
            #expect(try await eventually { try await driver.states() == [.failed(reason)] })
            host.advance(by: .seconds(599))
            #expect(try await driver.states().count == 1)
            host.advance(by: .seconds(12))
            #expect(try await driver.states() == [])
        }
    }

    @Test func `stopping the pool ends the deaf and the willing`() async throws {
        try await LocalHost.with { host in
            let script = "[ {slot} = 0 ] && trap '' TERM; echo up; while :; do sleep 0.1; done"
            let driver = try host.driver(host.settings(script))
            try await driver.grow(to: 2)
            #expect(await eventually { host.log("p-0.log") + host.log("p-1.log") == "up\nup\n" })
            #expect(await driver.stopAll(deadline: .milliseconds(300)) == [])
            #expect(host.marked().isEmpty)
            #expect(try await driver.states() == [])
        }
    }

    @Test func `settings that cannot work are refused with all reasons`() throws {
        var settings = LocalPoolSettings(
            pool: PoolID(rawValue: "a/b"), command: [], gpus: ["0", "1"], ports: 0...0, logDirectory: "/tmp")
        #expect(settings.problems.count == 4)
        settings = LocalPoolSettings(
            pool: PoolID(rawValue: "a"), command: ["x"], gpus: ["0"], ports: 1...1, logDirectory: "/tmp")
        #expect(settings.problems == [])
    }
}

/// A listening socket on all addresses.
private func listener(on port: Int) -> CInt? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port)).bigEndian
    let bound = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    return bound == 0 && listen(descriptor, 1) == 0 ? descriptor : nil
}
