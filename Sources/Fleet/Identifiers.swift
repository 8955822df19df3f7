/// The name of a group of interchangeable replicas that serve the same models.
package struct PoolID: Hashable, Sendable, Codable, RawRepresentable, CodingKeyRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// The name of one replica, unique in its pool and never used again: an instance id, or a slot with a launch number.
package struct ReplicaID: Hashable, Sendable, Codable, RawRepresentable, CodingKeyRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// The name of one of a pool's groups.
package struct GroupID: Hashable, Sendable, Codable, RawRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// The name of one intended change, written to history before the change is asked for.
package struct ActionID: Hashable, Sendable, Codable, RawRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

extension PoolID: Comparable, CustomStringConvertible {
    package static func < (a: PoolID, b: PoolID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { rawValue }
}

extension ReplicaID: Comparable, CustomStringConvertible {
    package static func < (a: ReplicaID, b: ReplicaID) -> Bool { a.rawValue < b.rawValue }
    package var description: String { rawValue }
}

extension GroupID: CustomStringConvertible {
    package var description: String { rawValue }
}

extension ActionID: CustomStringConvertible {
    package var description: String { rawValue }
}
