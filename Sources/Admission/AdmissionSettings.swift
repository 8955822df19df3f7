package import Fleet

/// All that can be set about letting requests in, with defaults that fit language models on machines that sleep.
package struct AdmissionSettings: Hashable, Sendable {
    /// The pool that serves each model. A model in here is never "not found", asleep or not.
    package var models: [String: PoolID]
    /// Limits by pool; pools that are named by `models` only have the standard ones.
    package var pools: [PoolID: PoolLimits]
    /// Limits by key; a key that is not here has the standard ones.
    package var keys: [KeyID: KeyLimits]

    /// Bounds of what is held over all pools.
    package var maximumHeld = 10_000
    package var maximumHeldBodyBytes = 512 << 20

    /// When a streaming request that has no byte yet gets its first comment, and then every so often. Hops cut silent
    /// connections after 50 to 120 s.
    package var firstHeartbeat: Duration = .seconds(10)
    package var heartbeat: Duration = .seconds(10)

    /// How long a failed wake answers for the requests that come after it.
    package var failedWakeMemory: Duration = .seconds(15)
    /// `Retry-After` where nothing better is known.
    package var retryAfter: Duration = .seconds(5)
    /// How often a request is sent to a replica at most.
    package var maximumAttempts = 3

    /// After which a closed replica that is still up was not stopped after all, and may climb the ladder again.
    package var stopPatience: Duration = .seconds(120)

    /// The pause between probes of a replica while requests wait for it, and while none does.
    package var probePause: Duration = .milliseconds(50)
    package var idleProbePause: Duration = .seconds(2)
    /// After which a probe without an answer counts as failed.
    package var probeDeadline: Duration = .seconds(30)

    /// Failures in a row after which a replica is ejected, for how long (doubling, up to the maximum), and the largest
    /// share of a pool's replicas that may be out at once. The last one never is.
    package var ejectionFailures = 5
    package var ejection: Duration = .seconds(10)
    package var maximumEjection: Duration = .seconds(300)
    package var maximumEjectedShare = 0.3

    package init(models: [String: PoolID], pools: [PoolID: PoolLimits] = [:], keys: [KeyID: KeyLimits] = [:]) {
        self.models = models
        self.pools = pools
        self.keys = keys
    }
}

package struct PoolLimits: Hashable, Sendable {
    /// Requests that a replica may have at once, unless the replica is known to differ.
    package var slots = 64
    /// Share of the slots beyond which a replica is used only when all others are beyond it too.
    package var softShare = 0.8
    /// The same by the engine's own word: KV cache in use, and requests that wait in the engine.
    package var softKVCacheUsage = 0.8
    package var softWaiting = 5.0
    /// How far above the pool's mean load a replica may be before affinity gives way.
    package var affinityLoadFactor = 1.25

    /// Bounds of what is held.
    package var maximumHeld = 5000
    package var maximumHeldBodyBytes = 256 << 20
    /// How long a request waits for a replica to become ready.
    package var wakeBudget: Duration = .seconds(480)
    /// How long a request is held at most, for a replica and then a slot. Common clients give up after 600 s, and an
    /// answer should not race with that.
    package var maximumHold: Duration = .seconds(590)
    /// How long a pool must have had nothing to do before it may be closed.
    package var idleGrace: Duration = .seconds(30)
    /// The steps that a replica climbs before it is ready, in order; none: it is trusted once it is up.
    package var ladder: [ProbeStep] = ProbeStep.allCases

    package init() {}
}

package struct KeyLimits: Hashable, Sendable {
    package var mayWake = true
    /// The priority of the key's requests, which they can lower and not raise.
    package var priority = 0
    /// `nil`: all.
    package var models: Set<String>?
    /// Held and in flight together; `nil`: no limit.
    package var maximumConcurrent: Int?
    /// Requests let in per minute on average, at most a minute's worth at once; `nil`: no limit.
    package var maximumPerMinute: Int?

    package init() {}
}
