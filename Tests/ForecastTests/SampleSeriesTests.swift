import Fleet
import Forecast
import Testing

@Suite struct SampleSeriesTests {
    @Test func slotsFollowOneAnotherByOneStep() {
        let series = SampleSeries(
            start: Timestamp(millisecondsSince1970: 1000), step: .seconds(15), values: [1, nil, 3])
        #expect(series.time(of: 2) == Timestamp(millisecondsSince1970: 31_000))
    }
}
