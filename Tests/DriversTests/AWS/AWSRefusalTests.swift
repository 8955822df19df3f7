import Fleet
import Foundation
import TestSupport
import Testing

@testable import Drivers

@Suite struct AWSRefusalTests {
    @Test(
        arguments: [
            (400, "Throttling", "Rate exceeded", .throttled),
            (503, "RequestLimitExceeded", "", .throttled),
            (400, "ThrottlingException", "", .throttled),
            (429, nil, "<html>", .throttled),
            (500, "ResourceContention", "", .contended),
            (400, "ScalingActivityInProgress", "", .contended),
            (500, "InsufficientInstanceCapacity", "", .noCapacity),
            (400, "MaxSpotInstanceCountExceeded", "", .noCapacity),
            (400, "VcpuLimitExceeded", "", .noCapacity),
            (
                400, "ValidationError",
                "We currently do not have sufficient p5.48xlarge capacity in the Availability Zone you requested (us-east-1a)",
                .noCapacity
            ),
            (400, "Other", "You have requested more vCPU capacity than your limit", .noCapacity),
            (400, "ValidationError", "New SetDesiredCapacity value 9 is above max value 5 for the group", .rejected),
            (403, "ExpiredToken", "", .badCredentials),
            (403, "InvalidClientTokenId", "", .badCredentials),
            (403, "SignatureDoesNotMatch", "", .badCredentials),
            (400, "RequestTimeTooSkewed", "", .badCredentials),
            (401, "AuthFailure", "", .badCredentials),
            (403, "AccessDenied", "", .denied),
            (403, "UnauthorizedOperation", "", .denied),
            (403, nil, "", .denied),
            (500, "InternalFailure", "", .transient),
            (400, "RequestTimeout", "", .transient),
            (503, "Unheard", "", .transient),
            (500, nil, "<html>", .transient),
            (408, nil, "", .transient),
            (400, "Unheard", "", .rejected),
            (404, nil, "", .rejected),
            (302, nil, "", .rejected),
        ] as [(Int, String?, String, AWSErrorClass)])
    func `the code decides what an error means, the status only where there is none`(
        _ status: Int, _ code: String?, _ message: String, _ expected: AWSErrorClass
    ) {
        #expect(AWSRefusal(status: status, code: code, message: message).errorClass == expected)
    }

    @Test(.enabled(if: SharedFixtures.available, "needs ../shared"))
    func `every throttling code of the contract is a throttle, whatever its status`() throws {
        struct Contract: Decodable {
            struct Retry: Decodable { var throttling: [String] }
            var retry: Retry
        }
        let bytes = try SharedFixtures.bytes("contracts/aws-query.json")
        let contract = try JSONDecoder().decode(Contract.self, from: Data(bytes))
        #expect(contract.retry.throttling.count > 10)
        for code in contract.retry.throttling {
            for status in [400, 500, 503] {
                #expect(AWSRefusal(status: status, code: code, message: "").errorClass == .throttled, "\(code)")
            }
        }
    }

    @Test(arguments: [
        "<ErrorResponse xmlns=\"http://x/\"><Error><Type>Sender</Type><Code>C</Code><Message>M</Message></Error><RequestId>r</RequestId></ErrorResponse>",
        "<?xml version=\"1.0\"?><Response><Errors><Error><Code>C</Code><Message>M</Message></Error></Errors><RequestID>r</RequestID></Response>",
        "<ErrorResponse><Errors><Error><Code>C</Code><Message>M</Message><Type>Sender</Type></Error></Errors></ErrorResponse>",
    ])
    func `the code is found in every envelope`(_ body: String) throws {
        let error = try #require(AWSXML.error(in: Array(body.utf8)))
        #expect(error.code == "C")
        #expect(error.message == "M")
    }

    @Test(arguments: ["", "<html><body>500</body></html>", "{}", "<ErrorResponse><Error><Code>C</Co", "<a/>"])
    func `what is no error answer has no code`(_ body: String) {
        #expect(AWSXML.error(in: Array(body.utf8)) == nil)
    }

    @Test func `missing capacity names market and zone`() {
        let call = AWSQueryCall(.ec2, "StartInstances", .writes)
        let refusal = AWSRefusal(
            status: 500, code: "InsufficientInstanceCapacity",
            message: "There is no Spot capacity in (us-east-1-bos-1a). Try us-east-1b.")
        guard case .noCapacity(.spot, "us-east-1-bos-1a", let message) = refusal.driverError(call, region: "us-east-1")
        else {
            Issue.record("\(refusal.driverError(call, region: "us-east-1"))")
            return
        }
        #expect(message.contains("ec2 StartInstances in us-east-1: InsufficientInstanceCapacity"))
    }

    @Test(
        arguments: [
            (Duration.seconds(17 * 60), "17 min behind"), (.seconds(-6 * 60), "6 min ahead of"), (.seconds(60), nil),
        ] as [(Duration, String?)])
    func `a refused signature tells of a wrong clock`(_ offset: Duration, _ said: String?) {
        let refusal = AWSRefusal(
            status: 403, code: "SignatureDoesNotMatch", message: "Signature expired", clockOffset: offset)
        let error = refusal.driverError(AWSQueryCall(.ec2, "DescribeInstances", .reads), region: "us-east-1")
        #expect(error.kind == "unauthorized")
        #expect(error.message.contains("clock of this machine") == (said != nil))
        if let said { #expect(error.message.contains(said)) }
    }

    @Test(
        arguments: [
            ("Sat, 21 Nov 2026 03:45:01 GMT", 1_795_232_701.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("yesterday", nil),
            ("Sat, 21 Nov 2026 03:45:01 +0100", nil),
        ] as [(String, Double?)])
    func `the date header is read`(_ text: String, _ seconds: Double?) {
        #expect(AWSTime.httpDate(text) == seconds.map { Timestamp(secondsSince1970: $0) })
    }

    @Test(
        arguments: [
            ("2026-11-21T03:45:01Z", 1_795_232_701.0), ("2026-11-21T03:45:01.838921Z", 1_795_232_701.839), ("", nil),
            ("soon", nil),
        ] as [(String, Double?)])
    func `moments are read with and without a fraction`(_ text: String, _ seconds: Double?) {
        #expect(AWSTime.rfc3339(text) == seconds.map { Timestamp(secondsSince1970: $0) })
    }
}
