package import Fleet
import FoundationEssentials
import Glibc

/// Replicas that are processes of this host, one a slot.
///
/// `/proc` is the registry. Every replica leads a session of its own and carries `ReplicaMarkers` in its environment, so
/// it survives the agent, and an agent that starts, even after a SIGKILL in the midst of an order, finds it there and
/// adopts it. Nothing else is written down, except which replicas were asked to stop.
///
/// - `ready` means that the process runs; whether its engine serves is for those to judge who read the engine.
/// - `desired` is `nil`: nothing here works towards a size. A replica that crashed is reported as failed, with its exit
///   status, for ten minutes or until its slot is used again, and is not started again.
/// - To stop, the leader gets SIGTERM, and at the deadline its process group and whatever else carries its markers get
///   SIGKILL. Children that outlive a crashed leader are killed after a grace time.
/// - Only processes of this user with this state directory and pool in their markers are ever signalled, and their
///   start time is compared right before.
package actor LocalProcessDriver: FleetInventory, FleetActuator {
    let settings: LocalPoolSettings
    private let state: String
    private let inheritedEnvironment: [String: String]
    private let onlyLooks: Bool
    private let marks: StopMarks
    private let scanner: ProcessScanner
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Timestamp

    var replicas: [ReplicaID: LocalReplica] = [:]
    /// Replicas that are gone, the latest ones: what still carries their markers is a leftover, never a replica.
    private var finished: [ReplicaID] = []
    /// Timers that end in a SIGKILL.
    private var deadlines: [ReplicaID: Task<Void, Never>] = [:]
    private var lastScan: Timestamp?
    private var lastLaunch = Timestamp(millisecondsSince1970: 0)

    private static let scanInterval: Duration = .seconds(60)
    private static let failureIsReportedFor: Duration = .seconds(600)
    private static let finishedLimit = 256

    /// - Parameters:
    ///   - stateDirectory: the agent's, created when absent. Its path with links resolved tells this agent's replicas
    ///     from those of another one; an agent that comes back under another path does not find its replicas.
    ///   - inheritedEnvironment: what replicas get beside the configured variables, usually the agent's own environment.
    ///   - onlyLooks: describes, and leaves everything as it is, unfinished stops included.
    ///   - clock: measures grace times.
    ///   - now: the wall clock.
    /// - Throws: `rejected` for unusable settings or an unusable state directory.
    package init(
        settings: LocalPoolSettings, stateDirectory: String, inheritedEnvironment: [String: String],
        onlyLooks: Bool = false, clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Timestamp
    ) throws(DriverError) {
        let problems = settings.problems
        guard problems.isEmpty else { throw .rejected(message: problems.joined(separator: "; ")) }
        if !onlyLooks {
            try? FileManager.default.createDirectory(atPath: stateDirectory, withIntermediateDirectories: true)
        }
        if let resolved = realpath(stateDirectory, nil) {
            defer { free(resolved) }
            state = String(cString: resolved)
        } else if onlyLooks {
            state = stateDirectory
        } else {
            throw .rejected(message: "state directory \(stateDirectory): \(String(cString: strerror(errno)))")
        }
        self.settings = settings
        self.onlyLooks = onlyLooks
        marks = StopMarks(stateDirectory: state, pool: settings.pool)
        scanner = ProcessScanner(state: state, pool: settings.pool, clock: clock)
        self.inheritedEnvironment = inheritedEnvironment
        self.clock = clock
        self.now = now
    }

    deinit {
        for deadline in deadlines.values { deadline.cancel() }
    }

    /// - Throws: `unreachable` when `/proc` cannot be searched the first time; later it goes on with what it knows.
    package func describe() async throws(DriverError) -> FleetState {
        try await scanIfDue()
        let now = now()
        refresh(at: now)
        return FleetState(
            observedAt: now, maximum: settings.slotCount,
            replicas: replicas.values.map { replica in
                Replica(
                    id: replica.launch.id, state: replica.state, launchedAt: replica.launch.startedAt,
                    usdPerHour: settings.usdPerHour, endpoint: "http://\(settings.host):\(replica.launch.port)")
            })
    }

    /// Growing counts running replicas, not those that stop or have failed. Asking again starts no more.
    ///
    /// - Throws: `noCapacity` beyond the number of slots, or when strangers listen on the ports of the free ones;
    ///   `unreachable` when slots will be free once replicas there have stopped, or the host is short of something for
    ///   now; `rejected` when the command cannot be run. The last three leave started what could be started.
    package func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        guard !onlyLooks else { throw .rejected(message: "this driver only looks") }
        try await scanIfDue()
        let now = now()
        refresh(at: now)
        switch action {
        case .grow(let size, _):
            try grow(to: size, at: now)
            return Receipt()
        // Others are started when the pool asks for them; nothing is owed.
        case .remove(let ids, _), .replace(let ids, _):
            return Receipt(alreadyGone: ids.filter { !stop($0, grace: settings.gracefulStop, at: now) })
        case .withdraw:
            return Receipt()
        }
    }

    /// Stops every replica and waits until they are gone, at most a few seconds beyond the deadline of the SIGKILL.
    ///
    /// - Returns: replicas that even SIGKILL did not end, such as those that hang in a driver.
    package func stopAll(deadline: Duration) async -> [ReplicaID] {
        try? await scanIfDue()
        refresh(at: now())
        for id in replicas.keys.sorted() {
            deadlines.removeValue(forKey: id)?.cancel()
            _ = stop(id, grace: deadline, at: now())
            if replicas[id]?.holdsSlot == true { schedule(id, after: deadline) }
        }
        let step: Duration = .milliseconds(50)
        var waited: Duration = .zero
        while replicas.values.contains(where: \.holdsSlot), waited < deadline + .seconds(5) {
            guard (try? await clock.sleep(for: step)) != nil else { break }
            waited += step
            refresh(at: now())
        }
        return replicas.values.filter(\.holdsSlot).map(\.launch.id).sorted()
    }
}

// MARK: - Starting

extension LocalProcessDriver {
    private func grow(to size: Int, at now: Timestamp) throws(DriverError) {
        var missing = size - replicas.values.count(where: \.isRunning)
        guard missing > 0 else { return }
        guard size <= settings.slotCount else {
            throw noCapacity("\(size) replicas wanted, \(settings.slotCount) slots configured")
        }
        var stillStopping: [String] = []
        var taken: [String] = []
        for slot in 0..<settings.slotCount where missing > 0 {
            let port = settings.ports.lowerBound + slot
            if let holder = replicas.values.first(where: { $0.launch.slot == slot && $0.holdsSlot }) {
                if !holder.isRunning { stillStopping.append("slot \(slot) is held by \(holder.launch.id)") }
            } else if !isPortFree(port) {
                taken.append("port \(port) of slot \(slot) is in use by another program")
            } else {
                try start(slot: slot, port: port, at: now)
                missing -= 1
            }
        }
        guard missing > 0 else { return }
        let message = (stillStopping + taken).joined(separator: "; ")
        throw stillStopping.isEmpty ? noCapacity(message) : .unreachable(message: message)
    }

    private func start(slot: Int, port: Int, at now: Timestamp) throws(DriverError) {
        // Moments of launch never repeat, even when the wall clock steps back, so neither do the names.
        let startedAt = max(now, lastLaunch + .milliseconds(1))
        let name = "\(settings.pool)-\(slot)-\(String(startedAt.millisecondsSince1970, radix: 36))"
        let launched = LocalLaunch(id: ReplicaID(rawValue: name), slot: slot, port: port, startedAt: startedAt)
        let gpu = settings.gpus[slot]
        let markers = ReplicaMarkers(state: state, pool: settings.pool, launch: launched)
        let leader: LeaderProcess
        do throws(LaunchFailure) {
            leader = try launch(
                command: settings.command.map { launched.filling($0, gpu: gpu) },
                environment: markers.environment(
                    inherited: inheritedEnvironment,
                    configured: settings.environment.mapValues { launched.filling($0, gpu: gpu) }),
                logPath: freshLog(slot: slot))
        } catch {
            throw error.isTemporary ? .unreachable(message: error.message) : .rejected(message: error.message)
        }
        lastLaunch = startedAt
        for old in replicas.values where old.launch.slot == slot && !old.holdsSlot { forget(old.launch.id) }
        replicas[launched.id] = LocalReplica(launch: launched, leader: leader, session: leader.pid, phase: .running)
    }

    /// The path of the slot's log; what an earlier replica wrote there has been set aside.
    private func freshLog(slot: Int) -> String {
        try? FileManager.default.createDirectory(atPath: settings.logDirectory, withIntermediateDirectories: true)
        let path = "\(settings.logDirectory)/\(settings.pool)-\(slot).log"
        var status = stat()
        // An empty one, left by a command that could not be run, must not push out the last words of a replica.
        if stat(path, &status) == 0 && status.st_size > 0 { rename(path, path + ".1") }
        return path
    }

    private func noCapacity(_ message: String) -> DriverError {
        .noCapacity(market: .onDemand, zone: nil, message: message)
    }
}

// MARK: - Stopping

extension LocalProcessDriver {
    /// - Returns: whether there was anything to stop.
    private func stop(_ id: ReplicaID, grace: Duration, at now: Timestamp) -> Bool {
        guard let replica = replicas[id] else { return false }
        guard replica.holdsSlot else {
            forget(id)
            return false
        }
        if replica.phase == .stopping { return true }
        marks.write(id, deadline: now + grace)
        replicas[id]?.phase = .stopping
        replica.leader?.terminate()
        schedule(id, after: grace)
        return true
    }

    /// Sees to it that nothing of this replica lives longer than `grace`; an earlier deadline stays.
    private func schedule(_ id: ReplicaID, after grace: Duration) {
        guard !onlyLooks, deadlines[id] == nil else { return }
        deadlines[id] = Task { [weak self, clock] in
            guard (try? await clock.sleep(for: grace)) != nil else { return }
            await self?.enforceDeadline(of: id)
        }
    }

    private func enforceDeadline(of id: ReplicaID) async {
        deadlines[id] = nil
        replicas[id]?.leader?.killGroup()
        // Children may outlive the leader or have left its group. If they cannot be found now, a later scan finds them.
        let found = try? await scanner.scan(skipping: sessionsOfRunning)
        for process in found ?? [] where process.markers.launch.id == id { process.killWithGroup() }
        refresh(at: now())
    }

    private func forget(_ id: ReplicaID) {
        replicas[id] = nil
        deadlines.removeValue(forKey: id)?.cancel()
        if !onlyLooks { marks.remove(id) }
        finished.append(id)
        if finished.count > Self.finishedLimit { finished.removeFirst() }
    }
}

// MARK: - Finding

extension LocalProcessDriver {
    /// Looks after the replicas that are known: one small file of `/proc` each.
    private func refresh(at now: Timestamp) {
        for id in replicas.keys.sorted() {
            replicas[id]?.refresh(at: now)
            guard let replica = replicas[id], replica.leader == nil else { continue }
            if replica.hasStragglers {
                schedule(id, after: settings.stragglerGrace)
            } else if case .failed(_, let failedAt) = replica.phase {
                if now - failedAt > Self.failureIsReportedFor { forget(id) }
            } else {
                forget(id)
            }
        }
    }

    /// Searches the process table on the first call, and then now and then for what slipped through.
    private func scanIfDue() async throws(DriverError) {
        let moment = now()
        if let lastScan, moment >= lastScan, moment - lastScan < Self.scanInterval { return }
        let isFirst = lastScan == nil
        do throws(DriverError) {
            let found = try await scanner.scan(skipping: sessionsOfRunning)
            adopt(found, at: now())
            if isFirst, !onlyLooks { marks.keepOnly(replicas.keys) }
        } catch {
            if isFirst { throw error }
        }
        lastScan = moment
    }

    private var sessionsOfRunning: Set<pid_t> {
        Set(replicas.values.filter { $0.isRunning && $0.leader != nil }.map(\.session))
    }

    /// Takes in replicas that an earlier agent left, and gives notice to what outlived its replica.
    ///
    /// A replica's leader is the earliest process that leads a session; a child that opened one of its own is younger.
    private func adopt(_ found: [MarkedProcess], at now: Timestamp) {
        for (id, processes) in Dictionary(grouping: found, by: \.markers.launch.id) {
            if finished.contains(id) { schedule(id, after: settings.stragglerGrace) }
            guard replicas[id] == nil, !finished.contains(id), let any = processes.first else { continue }
            let leaders = processes.map(\.stat).filter { $0.pid == $0.session }
            let stopAt = marks.deadline(id)
            if let leader = leaders.min(by: { ($0.startTicks, $0.pid) < ($1.startTicks, $1.pid) }) {
                replicas[id] = LocalReplica(
                    launch: any.markers.launch,
                    leader: LeaderProcess(pid: leader.pid, startTicks: leader.startTicks), session: leader.pid,
                    phase: stopAt == nil ? .running : .stopping)
            } else {
                replicas[id] = LocalReplica(
                    launch: any.markers.launch, leader: nil, session: any.stat.session,
                    phase: stopAt == nil ? .failed("\(ProcessEnd.unknown)", at: now) : .stopping, hasStragglers: true)
            }
            // A wall clock that was set meanwhile can make the rest of the grace time short or nothing, never longer.
            if let stopAt { schedule(id, after: min(max(stopAt - now, .zero), settings.gracefulStop)) }
        }
    }
}
