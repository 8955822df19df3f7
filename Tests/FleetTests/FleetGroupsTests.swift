import Fleet
import Foundation
import Testing

@Suite struct FleetGroupsTests {
    private static let now = Timestamp(secondsSince1970: 1_800_000_000)

    private func state(_ names: String..., desired: Int? = nil, maximum: Int? = nil) -> FleetState {
        FleetState(
            observedAt: Self.now, desired: desired, minimum: 1, maximum: maximum,
            replicas: names.map { Replica(id: ReplicaID(rawValue: $0), state: .ready) })
    }

    private func settings(_ name: String, _ change: (inout GroupSettings) -> Void = { _ in }) -> GroupSettings {
        var settings = GroupSettings(id: GroupID(rawValue: name))
        change(&settings)
        return settings
    }

    @Test func `replicas of all groups are one fleet and know their group, market and price`() throws {
        let spot = settings("spot") { ($0.market, $0.usdPerHour, $0.zone, $0.maximum) = (.spot, 1.5, "z", 4) }
        let fleet = try FleetState(merging: [
            GroupReading(settings: spot, latest: state("b", desired: 2, maximum: 9)),
            GroupReading(settings: settings("rest"), latest: state("a", maximum: 3)),
        ])
        #expect(fleet.replicas.map(\.id.rawValue) == ["a", "b"])
        #expect(fleet.replicas.map(\.group?.rawValue) == ["rest", "spot"])
        #expect(fleet.replicas.map(\.market) == [.onDemand, .spot])
        #expect(fleet.replicas.map(\.usdPerHour) == [nil, 1.5])
        #expect(fleet.replicas.map(\.zone) == [nil, "z"])
        #expect([fleet.desired, fleet.minimum, fleet.maximum] == [2, 2, 7])
        #expect(fleet.groups?.map(\.maximum) == [4, 3])
    }

    @Test func `a bound that one group does not know is none of the pool`() throws {
        let fleet = try FleetState(merging: [
            GroupReading(settings: settings("x"), latest: state("a", maximum: 9)),
            GroupReading(settings: settings("y"), latest: state("b")),
        ])
        #expect(fleet.maximum == nil && fleet.desired == nil)
    }

    @Test func `a group that does not answer stays as it was`() throws {
        let error = DriverError.unreachable(message: "cut")
        let fleet = try FleetState(merging: [
            GroupReading(settings: settings("x"), latest: state("a", desired: 1), error: error),
            GroupReading(settings: settings("y"), latest: state("b")),
        ])
        #expect(fleet.replicas.count == 2 && fleet.desired == 1)
        #expect(fleet.groups?.map(\.answers) == [false, true])
        #expect(fleet.part(GroupID(rawValue: "x"))?.replicas.map(\.id.rawValue) == ["a"])
    }

    @Test func `a group whose launches fail has answered`() throws {
        var short = state("a", desired: 2)
        short.shortage = .noCapacity(market: .spot, zone: nil, message: "")
        let fleet = try FleetState(merging: [GroupReading(settings: settings("x"), latest: short)])
        #expect(fleet.groups?[0].answers == true && fleet.groups?[0].trouble?.kind == "no_capacity")
    }

    @Test func `when none answers, or one was never seen, the fleet is unknown`() {
        let cut = DriverError.unreachable(message: "cut")
        #expect(throws: cut) {
            try FleetState(merging: [GroupReading(settings: settings("x"), latest: state("a"), error: cut)])
        }
        #expect(throws: cut) {
            try FleetState(merging: [
                GroupReading(settings: settings("x"), latest: nil, error: cut),
                GroupReading(settings: settings("y"), latest: state("b")),
            ])
        }
    }

    @Test func `a group that its control plane does not know has no replicas`() throws {
        let fleet = try FleetState(merging: [
            GroupReading(settings: settings("typo"), latest: nil, error: .rejected(message: "no such group")),
            GroupReading(settings: settings("y"), latest: state("b")),
        ])
        #expect(fleet.replicas.count == 1 && fleet.groups?[0].trouble?.kind == "rejected")
    }

    @Test(arguments: [
        (#"{"grow":{"to":5}}"#, ScalingAction.grow(to: 5)),
        (#"{"remove":{"_0":["a"]}}"#, .remove([ReplicaID(rawValue: "a")])),
        (#"{"grow":{"in":"spot","to":5}}"#, .grow(to: 5, in: GroupID(rawValue: "spot"))),
    ])
    func `actions are stored as ever, with their group where there is one`(_ json: String, _ action: ScalingAction)
        throws
    {
        #expect(try JSONDecoder().decode(ScalingAction.self, from: Data(json.utf8)) == action)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(action), as: UTF8.self) == json)
    }

    @Test func `an action says its group`() {
        #expect("\(ScalingAction.grow(to: 3, in: GroupID(rawValue: "spot")))" == "grow spot to 3")
        #expect("\(ScalingAction.remove([ReplicaID(rawValue: "a")]))" == "remove a")
    }
}
