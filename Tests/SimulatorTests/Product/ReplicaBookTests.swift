import Fleet
import Testing

@testable import Simulator

struct ReplicaBookTests {
    private func view(
        _ second: Double, ready: Int, booting: [Double] = [], booted: [Double] = []
    ) -> FleetView {
        FleetView(
            second: second, binSeconds: 15, ready: ready, bootingSinceSeconds: booting, bootedAfterSeconds: booted,
            desired: ready + booting.count, capacityPerSecond: 1, bootSeconds: 60)
    }

    private func text(_ book: ReplicaBook) -> [String] {
        book.entries.map { entry in
            let number = entry.id.rawValue.drop { $0 == "r" || $0 == "0" }
            return number + (entry.answeringSinceSecond.map { " since \(Int($0))" } ?? " boots")
        }
    }

    @Test func `replicas keep their names from order to end`() {
        var book = ReplicaBook()
        book.update(view(15, ready: 2))
        #expect(text(book) == ["1 since 0", "2 since 0"])
        book.update(view(30, ready: 2, booting: [15, 15]))
        book.update(view(45, ready: 2, booting: [15, 15, 30]))
        #expect(text(book) == ["1 since 0", "2 since 0", "3 boots", "4 boots", "5 boots"])
        // One has booted and another is ordered; the count is as it was.
        book.update(view(90, ready: 3, booting: [15, 30, 75], booted: [60]))
        #expect(text(book) == ["1 since 0", "2 since 0", "3 boots", "4 since 75", "5 boots", "6 boots"])
        book.strike([ReplicaID(rawValue: "r0000002"), ReplicaID(rawValue: "r0000006")])
        book.update(view(105, ready: 2, booting: [15, 30]))
        #expect(text(book) == ["1 since 0", "3 boots", "4 since 75", "5 boots"])
        #expect(book.entries.map(\.id).sorted() == book.entries.map(\.id) && book.ready == 2)
    }

    @Test func `what goes by itself is struck off, names are not used again`() {
        var book = ReplicaBook()
        book.update(view(15, ready: 2, booting: [0]))
        book.update(view(30, ready: 1, booting: []))
        #expect(text(book) == ["1 since 0"], "an interruption and a failed boot")
        book.update(view(45, ready: 1, booting: [30]))
        #expect(text(book) == ["1 since 0", "4 boots"])
        // The simulator took the boot where the ready one was named.
        book.strike([ReplicaID(rawValue: "r0000001")])
        book.update(view(60, ready: 1))
        #expect(text(book) == ["5 since 45"])
    }
}
