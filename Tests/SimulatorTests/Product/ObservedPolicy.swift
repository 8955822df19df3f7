import Fleet
import Policy
import Synchronization

@testable import Simulator

/// The product, with a look at what its controller remembers after every bin.
final class ObservedPolicy: ScalingPolicy {
    struct Row {
        var view: FleetView
        var answer: Int
        var memory: PoolMemory
    }

    private struct State {
        var policy: ProductPolicy
        var rows: [Row] = []
    }

    private let state: Mutex<State>

    init(_ policy: ProductPolicy) { state = Mutex(State(policy: policy)) }

    var rows: [Row] { state.withLock(\.rows) }

    var bootDeadlineSeconds: Double? { state.withLock(\.policy.bootDeadlineSeconds) }

    func desired(_ view: FleetView) -> Int {
        state.withLock { state in
            let answer = state.policy.desired(view)
            state.rows.append(Row(view: view, answer: answer, memory: state.policy.controller.memory))
            return answer
        }
    }
}

extension ProductPolicy {
    /// One whose settings are the defaults, but for a capacity, a high maximum and what is changed here.
    static func tested(
        slots: Double = 8, serviceSeconds: Double = 15, _ change: (inout PolicySettings) -> Void = { _ in }
    ) -> ProductPolicy {
        var settings = PolicySettings()
        (settings.capacity, settings.maximum) = (slots, 1000)
        change(&settings)
        return ProductPolicy(
            PoolController(pool: PoolID(rawValue: "test"), settings: settings), serviceSeconds: serviceSeconds)
    }
}
