import Fleet
import Policy
import Testing

@Suite struct HeadroomTests {
    @Test("headroom on unknown capacity does not grow without end")
    func runaway() {
        var pool = VirtualPool(replicas: 2) {
            $0.capacity = nil
            $0.headroom = .replicas(1)
        }
        pool.running = 4
        pool.run(.seconds(1800))
        #expect(pool.size <= 3)
    }

    @Test(
        "load around a boundary flips nothing, headroom or not",
        arguments: [Headroom.replicas(0), .replicas(1), .ratio(0.25)])
    func boundary(headroom: Headroom) {
        var pool = VirtualPool(replicas: 9) {
            $0.tolerance = 0.1
            $0.headroom = headroom
        }
        for _ in 0..<6 {
            for requests in [63.9, 64.1] {
                pool.running = requests
                pool.run(.seconds(1800))
            }
        }
        #expect(pool.log.filter { $0.output.action != nil }.count <= 2)
    }
}
