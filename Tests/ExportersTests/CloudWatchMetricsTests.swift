import Exporters
import Fleet
import Testing

@testable import Policy

@Suite struct CloudWatchMetricsTests {
    private func values(_ pool: PoolSnapshot, after age: Duration = .zero) -> [Double?] {
        PublishedGauge.allCases.map { gauge in
            gauge.value(of: pool, at: SampleSnapshot.now + age).map {
                #expect($0.at == pool.input?.now)
                return $0.value
            }
        }
    }

    @Test func `a gauge has the value of the latest tick, and none when ticks have stopped`() throws {
        var pool = SampleSnapshot.growing.pools[0]
        let output = try #require(pool.output)
        let (waiting, requests) = (try #require(output.demand.waiting), try #require(output.demand.requests))
        let serving = Double(try #require(output.supply).serving.count)
        #expect(
            values(pool) == [
                waiting + (output.demand.held ?? 0), requests / serving, output.decision.target.map(Double.init),
            ])
        #expect(values(pool, after: .seconds(3600)) == [nil, nil, nil])
        #expect(values(SampleSnapshot.fresh.pools[0]) == [nil, nil, nil])
        pool.output?.demand.waiting = nil
        #expect(values(pool)[0] == nil)
    }

    @Test func `a load that most engines do not tell is not published`() {
        var pool = SampleSnapshot.growing.pools[0]
        pool.output?.demand.engines = 1
        pool.output?.demand.missing = 2
        #expect(values(pool)[0] == nil && values(pool)[1] == nil && values(pool)[2] != nil)
        pool = SampleSnapshot.growing.pools[0]
        pool.output?.supply?.serving = []
        #expect(values(pool)[0] != nil && values(pool)[1] == nil)
    }
}
