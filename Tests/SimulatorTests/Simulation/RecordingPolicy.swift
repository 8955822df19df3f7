import Synchronization

@testable import Simulator

/// Answers from a closure and keeps every view that it was shown.
final class ViewLog: Sendable {
    private let storage = Mutex<[FleetView]>([])
    var views: [FleetView] { storage.withLock { $0 } }
    func append(_ view: FleetView) { storage.withLock { $0.append(view) } }
}

struct RecordingPolicy: ScalingPolicy {
    let log = ViewLog()
    var bootDeadlineSeconds: Double?
    var answer: @Sendable (FleetView) -> Int

    init(bootDeadlineSeconds: Double? = nil, answer: @escaping @Sendable (FleetView) -> Int) {
        self.bootDeadlineSeconds = bootDeadlineSeconds
        self.answer = answer
    }

    func desired(_ view: FleetView) -> Int {
        log.append(view)
        return answer(view)
    }
}
