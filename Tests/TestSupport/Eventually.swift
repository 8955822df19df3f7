/// Whether a condition on the outside world, such as a socket or a process, comes true before the deadline.
///
/// For what cannot be awaited; everything of ours is tested without waiting.
package func eventually(
    within limit: Duration = .seconds(60), _ condition: @Sendable () async throws -> Bool
) async rethrows -> Bool {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return try await condition()
}
