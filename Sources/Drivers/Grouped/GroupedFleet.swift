package import Fleet

/// A pool of several groups, each behind a driver of its own.
///
/// Groups are described at the same time. One that does not answer stays as it was last described, which is kept here.
package actor GroupedFleet: FleetInventory, FleetActuator {
    package struct Member: Sendable {
        var settings: GroupSettings
        var inventory: any FleetInventory
        var actuator: any FleetActuator

        package init(settings: GroupSettings, driver: some FleetInventory & FleetActuator) {
            (self.settings, inventory, actuator) = (settings, driver, driver)
        }
    }

    private let members: [Member]
    private var latest: [GroupID: FleetState] = [:]

    /// - Parameters:
    ///   - members: in fail-over order, with unique names.
    ///   - last: the pool as an earlier process saw it, for groups that do not answer at first.
    package init(members: [Member], last: FleetState? = nil) {
        self.members = members
        for member in members { latest[member.settings.id] = last?.part(member.settings.id) }
    }

    package func describe() async throws(DriverError) -> FleetState {
        let answers = await withTaskGroup(of: Answer.self) { tasks in
            for member in members { tasks.addTask { await Self.ask(member) } }
            var answers: [Answer] = []
            for await answer in tasks { answers.append(answer) }
            return answers
        }
        var readings: [GroupReading] = []
        for member in members {
            let id = member.settings.id
            let answer = answers.first { $0.id == id }
            if let state = answer?.state { latest[id] = state }
            var reading = GroupReading(settings: member.settings, latest: latest[id])
            if answer?.state == nil {
                reading.error = answer?.error ?? .unreachable(message: "group \(id) was not asked")
            }
            readings.append(reading)
        }
        return try FleetState(merging: readings)
    }

    private struct Answer: Sendable {
        var id: GroupID
        var state: FleetState?
        var error: DriverError?
    }

    /// In a function of its own: with the typed error caught inside the task's closure, optimised builds lost answers.
    private static func ask(_ member: Member) async -> Answer {
        do {
            return Answer(id: member.settings.id, state: try await member.inventory.describe())
        } catch {
            return Answer(id: member.settings.id, error: error)
        }
    }

    package func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        guard let member = members.first(where: { $0.settings.id == action.group }) else {
            throw .rejected(message: "\(action): the pool has no such group")
        }
        let receipt = try await member.actuator.submit(action.inOnlyGroup, id: id)
        // Counted even if the group falls silent before it is described again.
        latest[member.settings.id]?.note(accepted: action)
        return receipt
    }
}
