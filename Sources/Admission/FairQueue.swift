/// The requests that a pool holds, in the order in which they are to be released.
///
/// 1. Requests that were let in before and came back, since they have waited their turn already.
/// 2. The highest priority. Lower ones wait as long as there are higher ones; the hold limit ends that.
/// 3. Within a priority one request of each key in turn, so that a key with a thousand requests delays another key's first
///    one by a single slot. A key joins the round at its end.
/// 4. Within a key and priority, first come first served.
///
/// Every operation costs O(1) in requests and keys, and O(p) in the priorities that are in use.
struct FairQueue: Sendable {
    /// Where a request stands.
    struct Place: Hashable, Sendable {
        var priority: Int
        var key: KeyID
    }

    private struct Level: Sendable {
        var priority: Int
        var round = Chain<KeyID>()
        var lines: [KeyID: Chain<RequestID>] = [:]
    }

    /// Highest priority first; none is empty.
    private var levels: [Level] = []
    private(set) var returned = Chain<RequestID>()
    /// All that are held, by the time at which that began.
    private(set) var byAge = Chain<RequestID>()

    var count: Int { byAge.count }
    var isEmpty: Bool { byAge.isEmpty }

    /// The first of those that did not come back.
    var next: RequestID? {
        guard let level = levels.first, let key = level.round.first else { return nil }
        return level.lines[key]?.first
    }

    mutating func append(_ id: RequestID, at place: Place) {
        byAge.append(id)
        let index = levels.firstIndex { $0.priority <= place.priority } ?? levels.count
        if index == levels.count || levels[index].priority < place.priority {
            levels.insert(Level(priority: place.priority), at: index)
        }
        levels[index].lines[place.key, default: Chain()].append(id)
        levels[index].round.append(place.key)
    }

    /// Takes back a request that had been released.
    mutating func giveBack(_ id: RequestID) {
        byAge.append(id)
        returned.append(id)
    }

    /// Releases a request; its key's next one has to wait for the next round.
    mutating func release(_ id: RequestID, from place: Place) {
        take(id, from: place, endsTurn: true)
    }

    /// Takes out a request that does not want to wait any more.
    mutating func remove(_ id: RequestID, from place: Place) {
        take(id, from: place, endsTurn: false)
    }

    /// Lets a request have the place of another one with equal priority and key.
    mutating func replace(_ old: RequestID, with new: RequestID, at place: Place) {
        byAge.replace(old, with: new)
        returned.replace(old, with: new)
        guard let index = levels.firstIndex(where: { $0.priority == place.priority }) else { return }
        levels[index].lines[place.key]?.replace(old, with: new)
    }

    private mutating func take(_ id: RequestID, from place: Place, endsTurn: Bool) {
        guard byAge.remove(id), !returned.remove(id) else { return }
        guard let index = levels.firstIndex(where: { $0.priority == place.priority }) else { return }
        levels[index].lines[place.key]?.remove(id)
        let isLast = levels[index].lines[place.key]?.isEmpty ?? true
        if isLast || endsTurn { levels[index].round.remove(place.key) }
        if isLast {
            levels[index].lines[place.key] = nil
        } else if endsTurn {
            levels[index].round.append(place.key)
        }
        if levels[index].round.isEmpty { levels.remove(at: index) }
    }
}
