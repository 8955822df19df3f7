/// The name of a group of interchangeable replicas that serve the same models.
package struct PoolID: Hashable, Sendable, Codable, RawRepresentable, CodingKeyRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    // Written out, since the compiler would take the one for all raw values, which is ten times slower.
    package static func == (a: PoolID, b: PoolID) -> Bool { a.rawValue == b.rawValue }
}

/// The name of one replica, unique in its pool and never used again: an instance id, or a slot with a launch number.
package struct ReplicaID: Hashable, Sendable, Codable, RawRepresentable, CodingKeyRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package static func == (a: ReplicaID, b: ReplicaID) -> Bool { a.rawValue == b.rawValue }
}

/// The name of one of a pool's groups.
package struct GroupID: Hashable, Sendable, Codable, RawRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package static func == (a: GroupID, b: GroupID) -> Bool { a.rawValue == b.rawValue }
}

/// The name of one intended change, written to history before the change is asked for.
package struct ActionID: Hashable, Sendable, Codable, RawRepresentable {
    package var rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package static func == (a: ActionID, b: ActionID) -> Bool { a.rawValue == b.rawValue }
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

extension Array {
    /// Sorted; without a copy where it is in order already, as most lists are.
    func inOrder(_ precedes: (Element, Element) -> Bool) -> Self {
        indices.dropFirst().allSatisfy { !precedes(self[$0], self[$0 - 1]) } ? self : sorted(by: precedes)
    }
}
