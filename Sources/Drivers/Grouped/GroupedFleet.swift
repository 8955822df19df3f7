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
        let answers = await withTaskGroup(of: (GroupID, Result<FleetState, DriverError>).self) { tasks in
            for member in members {
                tasks.addTask {
                    do throws(DriverError) {
                        return (member.settings.id, .success(try await member.inventory.describe()))
                    } catch {
                        return (member.settings.id, .failure(error))
                    }
                }
            }
            var answers: [GroupID: Result<FleetState, DriverError>] = [:]
            for await (id, answer) in tasks { answers[id] = answer }
            return answers
        }
        return try FleetState(
            merging: members.map { member in
                let id = member.settings.id
                var reading = GroupReading(settings: member.settings, latest: latest[id])
                switch answers[id] {
                case .success(let state)?:
                    reading.latest = state
                    latest[id] = state
                case .failure(let error)?: reading.error = error
                case nil: reading.error = .unreachable(message: "group \(id) was not asked")
                }
                return reading
            })
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
