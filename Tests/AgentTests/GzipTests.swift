import Testing

@testable import Agent

@Suite struct GzipTests {
    @Test("what is packed unpacks to the same", arguments: [0, 1, 100, 70_000, 1_000_000])
    func roundTrip(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) }
        let packed = try #require(gzip(bytes))
        #expect(packed.starts(with: [0x1f, 0x8b]))
        #expect(gunzip(packed) == bytes)
        #expect(gunzip(packed + packed) == bytes + bytes)
    }

    @Test("what is no whole gzip file is nothing")
    func damaged() throws {
        let packed = try #require(gzip(Array("scale_agent_up 1\n".utf8)))
        for length in packed.indices { #expect(gunzip(Array(packed[..<length])) == nil) }
        var wrong = packed
        wrong[wrong.count - 5] ^= 1
        #expect(gunzip(wrong) == nil)
        #expect(gunzip(packed + [1, 2, 3]) == nil)
        #expect(gunzip(Array("plain".utf8)) == nil)
    }

    @Test("unpacking stops at the limit")
    func limit() throws {
        let packed = try #require(gzip([UInt8](repeating: 0, count: 1 << 20)))
        #expect(gunzip(packed, limit: 1 << 20)?.count == 1 << 20)
        #expect(gunzip(packed, limit: 1 << 20 - 1) == nil)
    }

    @Test(
        "gzip is sent only to those who take it",
        arguments: [
            ("", false), ("gzip", true), ("deflate, gzip;q=0.5", true), ("gzip;q=0", false), ("gzip; q=0.0, *", false),
            ("*", true), ("*;q=0", false), ("br, *;q=0.1", true), ("GZIP", true), ("identity", false),
        ])
    func acceptEncoding(field: String, takes: Bool) {
        #expect(acceptsGzip(field) == takes)
    }
}
