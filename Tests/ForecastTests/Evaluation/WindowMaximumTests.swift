import Forecast
import Testing

@Suite struct WindowMaximumTests {
    @Test("the largest of a window, as a slow search finds it", arguments: [1, 2, 3, 12, 60])
    func maximum(slots: Int) {
        var window = WindowMaximum(slots: slots)
        var state: UInt64 = 3
        var values: [Double?] = []
        for index in 0..<3000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            // Many are equal, and for a while most are missing.
            let isMissing = state >> 60 < (index / 500 % 2 == 0 ? 1 : 9)
            values.append(isMissing ? nil : Double((state >> 40) % 50))
            let known = values.suffix(slots).compactMap { $0 }
            let expected = values.count >= slots && 2 * known.count >= slots ? known.max() : nil
            #expect(window.observe(values[index]) == expected, "slot \(index)")
        }
    }

    @Test("a minute's mean is of the samples that are there")
    func minute() {
        var mean = MinuteMean(step: .seconds(15))
        #expect([nil, 4, 8, nil, 6, nil, nil, nil, nil].map { mean.observe($0) } == [nil, 4, 6, 6, 6, 7, 6, 6, nil])
        var slow = MinuteMean(step: .seconds(300))
        #expect([1, nil, 3].map { slow.observe($0) } == [1, nil, 3])
    }
}
