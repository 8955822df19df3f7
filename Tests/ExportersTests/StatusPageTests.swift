import Exporters
import Fleet
import Policy
import TestSupport
import Testing

@Suite struct StatusPageTests {
    /// Open the recorded pages in a browser to see what the page looks like.
    @Test(
        "the whole page is as recorded",
        arguments: Sample.allCases)
    func golden(sample: Sample) throws {
        try Golden.expect(
            StatusPage.render(sample.snapshot), at: "Tests/Golden/exporters/status-\(sample.rawValue).html")
    }

    @Test("names cannot break out of the page")
    func escaped() {
        let text = page(SampleSnapshot.troubled)
        #expect(!text.contains("<script"))
        #expect(text.contains("a\\b&quot;c&#39;d&lt;script&gt;&amp;"))
        #expect(text.components(separatedBy: "</style>") == 2)
    }

    @Test("there is nothing in the page that its policy forbids")
    func withinPolicy() {
        for sample in Sample.allCases {
            let text = page(sample.snapshot)
            for forbidden in [" style=", " onclick=", "<script", "src=", "<form", "<base", "@import"] {
                #expect(!text.contains(forbidden), "\(forbidden)")
            }
        }
    }

    @Test(
        "the policy allows exactly the page's own style",
        .enabled(if: Tool("openssl") != nil, "needs openssl"))
    func digest() throws {
        let text = page(SampleSnapshot.fresh)
        let style = try #require(text.firstMatch(of: /(?s)<style>(.*?)<\/style>/)).output.1
        let openssl = try #require(Tool("openssl"))
        let binary = try openssl.run(["dgst", "-sha256", "-hex"], input: [UInt8](style.utf8)).output
        let hex = try #require(binary.firstMatch(of: /[0-9a-f]{64}/)).output
        let digest = base64(hex)
        #expect(StatusPage.contentSecurityPolicy.contains("style-src 'sha256-\(digest)'"), "the digest is \(digest)")
    }

    @Test("the state is said in words: what is, what should be, and why")
    func words() {
        let text = page(SampleSnapshot.growing)
        #expect(text.contains("3 serving, 1 booting, 1 draining<span class=\"arrow\">→</span>target 5"))
        #expect(
            text.contains("because 60 requests on replicas of 16: load 93.8 % <code>observed_demand</code>; at most"))
        #expect(text.contains("<title>chat 4 → 5 · scale-agent</title>"))
        #expect(page(SampleSnapshot.fresh).contains("Waiting for the first decision"))
        #expect(page(SampleSnapshot.troubled).contains("the control plane does not answer"))
    }

    @Test("a loop that stands still is a problem")
    func lateTick() {
        var snapshot = SampleSnapshot.growing
        #expect(!page(snapshot).contains("no decision for"))
        snapshot.at = snapshot.at + .seconds(300)
        #expect(page(snapshot).contains("no decision for 5 min"))
    }

    private func page(_ snapshot: AgentSnapshot) -> String {
        String(decoding: StatusPage.render(snapshot), as: UTF8.self)
    }

    private func base64(_ hex: Substring) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bits = hex.compactMap(\.hexDigitValue).flatMap { digit in [8, 4, 2, 1].map { digit & $0 == 0 ? 0 : 1 } }
        let sextets = stride(from: 0, to: bits.count, by: 6).map { start in
            (0..<6).reduce(0) { $0 * 2 + (start + $1 < bits.count ? bits[start + $1] : 0) }
        }
        return String(sextets.map { alphabet[$0] }) + "="
    }
}

extension String {
    /// The number of parts that the separator makes of it.
    fileprivate func components(separatedBy separator: String) -> Int { ranges(of: separator).count + 1 }
}
