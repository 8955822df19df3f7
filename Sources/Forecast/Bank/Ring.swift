/// The latest rows of numbers, by slot; a row that was never written, or was overwritten, is not there.
struct Ring: Hashable, Sendable, Codable {
    let width: Int
    private(set) var numbers: Packed<Float>
    private var slots: Packed<Int>

    /// - Parameter length: how many slots back a row can be found.
    init(length: Int, width: Int) {
        self.width = width
        numbers = Packed(repeating: 0, count: (length + 1) * width)
        slots = Packed(repeating: -1, count: length + 1)
    }

    var length: Int { slots.count }

    func isSound(like fresh: Ring) -> Bool {
        width == fresh.width && length == fresh.length && numbers.count == length * width
    }

    /// The place of this slot's first number in `self`; `nil` when its row is not there.
    func find(_ slot: Int) -> Int? {
        guard slot >= 0 else { return nil }
        let row = slot % slots.count
        return slots[row] == slot ? row * width : nil
    }

    /// Makes room for this slot's row and gives the place of its first number.
    mutating func begin(_ slot: Int) -> Int {
        let row = slot % slots.count
        slots[row] = slot
        return row * width
    }

    /// Writes all of this slot's row.
    mutating func write(_ slot: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
        let place = begin(slot)
        numbers.withElements { body(UnsafeMutableBufferPointer(rebasing: $0[place..<place + width])) }
    }

    subscript(place: Int) -> Double {
        get { Double(numbers[place]) }
        set { numbers[place] = Float(newValue) }
    }
}
