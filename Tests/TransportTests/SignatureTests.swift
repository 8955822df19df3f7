import Foundation
import TestSupport
import Testing
import Transport

extension AWSSignature {
    static func testing(token: String?) -> AWSSignature {
        AWSSignature(
            region: "eu-west-3", service: "autoscaling", accessKeyID: "AKIDEXAMPLE",
            secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: token)
    }
}

/// AWS Signature Version 4 as libcurl makes it, against its definition.
@Suite(.timeLimit(.minutes(1)))
struct SignatureTests {
    struct Signed: Sendable {
        var token: String?
        var headers: [HTTPField]
        var bodyBytes: Int
    }

    static let form = HTTPField("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")

    private static let python = Tool.python(importing: "hashlib")

    @Test(
        .enabled(if: python != nil, "needs python3"),
        arguments: [
            Signed(token: nil, headers: [form], bodyBytes: 60),
            Signed(token: "to+ken/with=signs", headers: [form], bodyBytes: 60),
            Signed(token: "t", headers: [HTTPField("X-Amz-Target", "A.b"), form], bodyBytes: 3 << 20),
            Signed(token: nil, headers: [], bodyBytes: 0),
        ])
    func aSignedPOSTVerifies(signed: Signed) async throws {
        let server = try RawHTTPServer(always: .answer())
        let transport = HTTPTransport()
        let start = ContinuousClock.now
        _ = try await transport.send(
            HTTPRequest(
                method: "POST", url: server.url + "/", headers: signed.headers,
                body: Array(repeating: UInt8(ascii: "x"), count: signed.bodyBytes), deadline: .seconds(30),
                signature: .testing(token: signed.token), bypassesProxy: true))
        #expect(ContinuousClock.now - start < .seconds(15))
        let seen = try #require(server.requests.first)
        #expect(seen.body.count == signed.bodyBytes)
        let authorization = try #require(seen.header("authorization"))
        let date = try #require(seen.header("x-amz-date"))
        let scope = "\(date.prefix(8))/eu-west-3/autoscaling/aws4_request"
        #expect(authorization.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\(scope), SignedHeaders="))
        #expect(seen.header("x-amz-security-token") == signed.token)
        #expect(authorization.contains("x-amz-security-token") == (signed.token != nil))
        let signature = try #require(authorization.components(separatedBy: "Signature=").last)
        #expect(signature == (try expectedSignature(of: seen, scope: scope, date: date)))
    }

    /// Signature Version 4 step by step, as its definition has it, over the headers that the request says are signed.
    private func expectedSignature(of request: RawHTTPServer.Request, scope: String, date: String) throws -> String {
        let names = try #require(
            request.header("authorization")?.firstMatch(of: /SignedHeaders=([^,]*)/)?.1.split(separator: ";"))
        let canonicalHeaders = names.map { "\($0):\(request.header(String($0)) ?? "absent")\n" }.joined()
        let program = """
            import hashlib, hmac, sys
            sha = lambda data: hashlib.sha256(data).hexdigest()
            mac = lambda key, text: hmac.new(key, text.encode(), hashlib.sha256)
            target, headers, names, scope, date, secret = sys.argv[1:]
            canonical = "\\n".join(["POST", target, "", headers, names, sha(sys.stdin.buffer.read())])
            key = ("AWS4" + secret).encode()
            for part in scope.split("/"):
                key = mac(key, part).digest()
            print(mac(key, "\\n".join(["AWS4-HMAC-SHA256", date, scope, sha(canonical.encode())])).hexdigest())
            """
        let (status, output) = try #require(Self.python).run(
            [
                "-c", program, request.target, canonicalHeaders, names.joined(separator: ";"), scope, date,
                AWSSignature.testing(token: nil).secretAccessKey,
            ], input: [UInt8](request.body))
        #expect(status == 0)
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
