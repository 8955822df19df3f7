import TestSupport
import Testing

@testable import Drivers

@Suite struct AWSQueryCallTests {
    @Test(arguments: [
        (
            AWSQueryCall(.autoscaling, "SetDesiredCapacity", .writes)
                .with("AutoScalingGroupName", "g").with("DesiredCapacity", 3).with("HonorCooldown", false),
            "Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName=g&DesiredCapacity=3&HonorCooldown=false"
        ),
        (
            AWSQueryCall(.ec2, "DescribeInstances", .reads)
                .with("Filter.1.Name", "tag:aws:autoscaling:groupName").with(list: "Filter.1.Value", ["g", "h"]),
            "Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Aaws%3Aautoscaling%3AgroupName"
                + "&Filter.1.Value.1=g&Filter.1.Value.2=h"
        ),
        (
            AWSQueryCall(.autoscaling, "DescribeAutoScalingGroups", .reads)
                .with(list: "AutoScalingGroupNames.member", ["a b+c/é~-._*"]).with("NextToken", nil)
                .with(list: "Filters.member", []),
            "Action=DescribeAutoScalingGroups&Version=2011-01-01"
                + "&AutoScalingGroupNames.member.1=a%20b%2Bc%2F%C3%A9~-._%2A"
        ),
    ])
    func `forms are written as the vendor's own tools write them`(_ call: AWSQueryCall, _ body: String) {
        #expect(String(decoding: call.body, as: UTF8.self) == body)
    }

    @Test(
        arguments: [
            ([:], nil, "https://autoscaling.us-east-1.amazonaws.com/"),
            (["AWS_ENDPOINT_URL": "http://h:1"], nil, "http://h:1/"),
            (["AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_AUTO_SCALING": "http://a/"], nil, "http://a/"),
            (["AWS_ENDPOINT_URL_AUTO_SCALING": "http://a/"], "http://explicit", "http://explicit/"),
            (
                ["AWS_ENDPOINT_URL": "http://h", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"], nil,
                "https://autoscaling.us-east-1.amazonaws.com/"
            ),
        ] as [([String: String], String?, String)])
    func `an endpoint is the explicit one, the service's, the common one, the public one`(
        _ environment: [String: String], _ explicit: String?, _ url: String
    ) {
        let endpoints = AWSEndpoints(
            region: "us-east-1", explicit: explicit, surroundings: .fake(environment: environment))
        #expect(endpoints.url(of: .autoscaling) == url)
    }

    @Test func `China has a domain of its own`() {
        let endpoints = AWSEndpoints(region: "cn-north-1", explicit: nil, surroundings: .fake())
        #expect(endpoints.url(of: .ec2) == "https://ec2.cn-north-1.amazonaws.com.cn/")
    }
}
