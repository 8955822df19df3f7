package import Fleet

/// Something with the name of a replica, or that name itself. Lists of such are kept in the order of the names.
package protocol NamedByReplica {
    var id: ReplicaID { get }
}

extension Replica: NamedByReplica {}
extension EngineObservation: NamedByReplica {}
extension ReplicaID: NamedByReplica {
    package var id: ReplicaID { self }
}

extension Array where Element: NamedByReplica {
    /// Where the element of this name is, in a list in the order of names; O(log n). `nil` when there is none.
    package func place(of id: ReplicaID) -> Int? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low].id == id ? low : nil
    }
}
