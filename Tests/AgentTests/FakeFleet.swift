import Fleet

/// A control plane in memory: orders boot for a while, and every call can be made to go wrong.
actor FakeFleet: FleetInventory, FleetActuator {
    /// What becomes of one call.
    enum Fault: Sendable {
        /// Refused, nothing done.
        case refuse(DriverError)
        /// Done, and the answer is an error all the same.
        case failAfterEffect(DriverError)
        /// No answer until `release`, and nothing done.
        case hang
        /// Done, and no answer until `release`.
        case hangAfterEffect
    }

    /// The fleet's own time, which the test moves on.
    private(set) var now = Timestamp(millisecondsSince1970: 0)
    private(set) var replicas: [Replica] = []
    private(set) var desired: Int
    /// Actions that were carried out, in order.
    private(set) var effects: [ScalingAction] = []
    private(set) var describes = 0
    private(set) var submits = 0
    /// Calls that got no answer, ever.
    private(set) var hangs = 0
    private let boot: Duration
    private let endpoint: String
    private var launches = 0
    private var describeFaults: [Int: Fault] = [:]
    private var submitFaults: [Int: Fault] = [:]
    private var hung: [CheckedContinuation<Void, Never>] = []

    /// - Parameter endpoint: where the engines listen; each under a path of its own name.
    init(replicas count: Int, boot: Duration = .zero, endpoint: String, at now: Timestamp) {
        self.now = now
        self.boot = boot
        self.endpoint = endpoint
        desired = count
        for number in 1..<count + 1 {
            replicas.append(Self.replica(number, endpoint, launchedAt: now - .seconds(7200)))
        }
        launches = count
    }

    // MARK: Ports

    func describe() async throws(DriverError) -> FleetState {
        describes += 1
        if let fault = describeFaults[describes] { try await suffer(fault) {} }
        return FleetState(observedAt: now, desired: desired, replicas: replicas)
    }

    func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        submits += 1
        if let fault = submitFaults[submits] {
            try await suffer(fault) { carryOut(action) }
        } else {
            carryOut(action)
        }
        return Receipt(reference: id.rawValue)
    }

    // MARK: The test's side

    /// Makes the so-many-th call from now go wrong; 1 is the next one.
    func onDescribe(call number: Int = 1, _ fault: Fault?) { describeFaults[describes + number] = fault }
    func onSubmit(call number: Int = 1, _ fault: Fault?) { submitFaults[submits + number] = fault }

    func advance(to moment: Timestamp) {
        now = moment
        for index in replicas.indices where replicas[index].state != .ready {
            if moment - (replicas[index].launchedAt ?? moment) >= boot { replicas[index].state = .ready }
        }
    }

    /// Somebody else changes the size.
    func resize(to size: Int) { grow(to: size) }

    var isHanging: Bool { !hung.isEmpty }
    var ready: [String] { replicas.filter { $0.state == .ready }.map(\.id.rawValue) }

    /// Ends every call that hangs: nothing is done any more, and `unreachable` is thrown.
    func release() {
        for continuation in hung { continuation.resume() }
        hung = []
    }

    // MARK: Helpers

    private func suffer(_ fault: Fault, _ effect: () -> Void) async throws(DriverError) {
        switch fault {
        case .refuse(let error): throw error
        case .failAfterEffect(let error):
            effect()
            throw error
        case .hang:
            await hang()
            throw .unreachable(message: "released")
        case .hangAfterEffect:
            effect()
            await hang()
        }
    }

    private func hang() async {
        hangs += 1
        await withCheckedContinuation { hung.append($0) }
    }

    private func carryOut(_ action: ScalingAction) {
        effects.append(action)
        switch action {
        case .grow(let size, _): grow(to: size)
        case .remove(let ids, _):
            replicas.removeAll { ids.contains($0.id) }
            desired -= ids.count
        case .replace(let ids, _):
            replicas.removeAll { ids.contains($0.id) }
            grow(to: desired)
        case .withdraw(let size, _): desired = max(size, replicas.count)
        }
    }

    private func grow(to size: Int) {
        desired = size
        while replicas.count < size {
            launches += 1
            var replica = Self.replica(launches, endpoint, launchedAt: now)
            if boot > .zero { replica.state = .booting(phase: .provision) }
            replicas.append(replica)
        }
    }

    private static func replica(_ number: Int, _ endpoint: String, launchedAt: Timestamp) -> Replica {
        Replica(
            id: ReplicaID(rawValue: "r-\(number)"), state: .ready, launchedAt: launchedAt,
            endpoint: "\(endpoint)/r-\(number)")
    }
}
