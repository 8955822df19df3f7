package import Collectors
package import Fleet
package import Policy
package import Store

/// What one pool is made of: the ports it is seen and moved through.
package struct PoolParts: Sendable {
    package var pool: PoolID
    package var settings: PolicySettings
    /// As the configuration names it; `none` without one.
    package var driver: String
    package var authority: Authority
    package var inventory: any FleetInventory
    /// `nil` when nothing may be changed: then nothing that could is even constructed.
    package var actuator: (any FleetActuator)?
    package var collector: EngineCollector
    /// Engines that are read as a whole; `nil` reads every replica at its own address.
    package var pooledEngines: [EngineTarget]?
    package var history: HistoryStore

    package init(
        pool: PoolID, settings: PolicySettings, driver: String, authority: Authority, inventory: any FleetInventory,
        actuator: (any FleetActuator)?, collector: EngineCollector, pooledEngines: [EngineTarget]? = nil,
        history: HistoryStore
    ) {
        self.pool = pool
        self.settings = settings
        self.driver = driver
        self.authority = authority
        self.inventory = inventory
        self.actuator = actuator
        self.collector = collector
        self.pooledEngines = pooledEngines
        self.history = history
    }
}
