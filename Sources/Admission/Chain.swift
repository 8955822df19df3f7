/// A queue of unlike elements that can also lose one from its middle. Every operation costs O(1).
struct Chain<Element: Hashable & Sendable>: Sendable {
    private struct Link: Sendable {
        var previous: Element?
        var next: Element?
    }

    private var links: [Element: Link] = [:]
    private(set) var first: Element?
    private(set) var last: Element?

    var count: Int { links.count }
    var isEmpty: Bool { links.isEmpty }

    func contains(_ element: Element) -> Bool { links[element] != nil }

    /// Does nothing when it is in the chain already.
    mutating func append(_ element: Element) {
        guard links[element] == nil else { return }
        links[element] = Link(previous: last, next: nil)
        if let last { links[last]?.next = element }
        last = element
        first = first ?? element
    }

    /// - Returns: whether it was in the chain.
    @discardableResult
    mutating func remove(_ element: Element) -> Bool {
        guard let link = links.removeValue(forKey: element) else { return false }
        if let previous = link.previous { links[previous]?.next = link.next } else { first = link.next }
        if let next = link.next { links[next]?.previous = link.previous } else { last = link.previous }
        return true
    }

    /// Puts another element in the place of one; does nothing when that is not in the chain, or the other one is.
    mutating func replace(_ old: Element, with new: Element) {
        guard links[new] == nil, let link = links.removeValue(forKey: old) else { return }
        links[new] = link
        if let previous = link.previous { links[previous]?.next = new } else { first = new }
        if let next = link.next { links[next]?.previous = new } else { last = new }
    }
}

extension Chain: Sequence {
    func makeIterator() -> some IteratorProtocol<Element> {
        var next = first
        return AnyIterator {
            guard let element = next else { return nil }
            next = links[element]?.next
            return element
        }
    }
}
