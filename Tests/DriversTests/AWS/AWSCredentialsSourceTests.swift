import Fleet
import TestSupport
import Testing
import Transport

@testable import Drivers

@Suite struct AWSCredentialsSourceTests {
    /// The first credentials of the whole chain.
    private func chain(
        _ environment: [String: String], files: [String: String] = [:], _ answers: [ScriptedNetwork.Answer] = []
    ) async throws(DriverError) -> (AWSCredentials, [HTTPRequest]) {
        let network = ScriptedNetwork(answers)
        let surroundings = AWSSurroundings.fake(environment: environment, files: files, send: network.send)
        let provider = AWSCredentialsProvider(region: "eu-west-1", surroundings: surroundings)
        let credentials = try await provider.credentials()
        return (credentials, network.requests)
    }

    static let sts = ScriptedNetwork.Answer.ok(
        """
        <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
        <SecretAccessKey>s</SecretAccessKey><SessionToken>t+/=</SessionToken>
        <Expiration>2026-11-21T03:45:01Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
        </AssumeRoleWithWebIdentityResponse>
        """)
    static let json = """
        {"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2026-11-21T03:45:01Z"}
        """
    static let expected = AWSCredentials(
        accessKeyID: "ASIA", secretAccessKey: "s", sessionToken: "t",
        expiresAt: Timestamp(secondsSince1970: 1_795_232_701))

    @Test func `the environment comes first`() async throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r",
        ]
        let (credentials, requests) = try await chain(environment)
        #expect(credentials == AWSCredentials(accessKeyID: "AKIA", secretAccessKey: "s"))
        #expect(requests.isEmpty)
    }

    @Test func `a web identity token is exchanged, unsigned, before files are read`() async throws {
        let (credentials, requests) = try await chain(
            ["AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:r", "AWS_SHARED_CREDENTIALS_FILE": "/c"],
            files: ["/token": "a.b.c\n", "/c": "[default]\naws_access_key_id=A\naws_secret_access_key=S"], [Self.sts])
        #expect(credentials.accessKeyID == "ASIA" && credentials.sessionToken == "t+/=")
        #expect(credentials.expiresAt == Timestamp(secondsSince1970: 1_795_232_701))
        let request = try #require(requests.first)
        #expect(request.url == "https://sts.eu-west-1.amazonaws.com/" && request.signature == nil)
        #expect(
            formFields(request.body) == [
                "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:r",
                "RoleSessionName": "scale-agent", "WebIdentityToken": "a.b.c",
            ])
    }

    @Test func `the profile's files are read, keys of one file together`() async throws {
        let files = [
            "/c": "[p]\nregion=x\n[default]\naws_access_key_id=D\naws_secret_access_key=D",
            "/f": "[profile p]\naws_access_key_id=P\naws_secret_access_key=S\naws_session_token=T",
        ]
        let paths = ["AWS_SHARED_CREDENTIALS_FILE": "/c", "AWS_CONFIG_FILE": "/f"]
        let (named, _) = try await chain(paths.merging(["AWS_PROFILE": "p"]) { $1 }, files: files)
        #expect(named == AWSCredentials(accessKeyID: "P", secretAccessKey: "S", sessionToken: "T"))
        let (usual, _) = try await chain(paths, files: files)
        #expect(usual == AWSCredentials(accessKeyID: "D", secretAccessKey: "D"))
    }

    @Test func `a profile can name a web identity`() async throws {
        let (credentials, requests) = try await chain(
            ["AWS_CONFIG_FILE": "/f"],
            files: ["/f": "[default]\nrole_arn = arn:q\nweb_identity_token_file = /token", "/token": "x"], [Self.sts])
        #expect(credentials.accessKeyID == "ASIA")
        #expect(formFields(requests.first?.body)["RoleArn"] == "arn:q")
    }

    @Test func `a container is asked with the token of the moment`() async throws {
        let (credentials, requests) = try await chain(
            [
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token",
            ], files: ["/token": "secret-token\n"], [.ok(Self.json)])
        #expect(credentials == Self.expected)
        #expect(requests.first?.headers == [HTTPField("Authorization", "secret-token")])
        #expect(requests.first?.bypassesProxy == true)
        let (_, relative) = try await chain(
            ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/c"], [.ok(Self.json)])
        #expect(relative.map(\.url) == ["http://169.254.170.2/v2/c"])
    }

    @Test(
        arguments: [
            (["AWS_ACCESS_KEY_ID": "A"], [:], [], "unauthorized", "AWS_SECRET_ACCESS_KEY is not"),
            (["AWS_WEB_IDENTITY_TOKEN_FILE": "/t"], [:], [], "unauthorized", "AWS_ROLE_ARN is not"),
            (
                ["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"], [:], [], "unauthorized",
                "token file /t is missing"
            ),
            (
                ["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "r"], ["/t": "x"],
                [.refusal(400, "InvalidIdentityToken", "no provider")], "unauthorized",
                "InvalidIdentityToken: no provider"
            ),
            (
                ["AWS_PROFILE": "p"], ["/c": "[default]"], [], "unauthorized",
                "AWS_PROFILE is p, but there is no profile p"
            ),
            ([:], ["/c": "[default]\naws_access_key_id=A"], [], "unauthorized", "without aws_secret_access_key"),
            (
                [:], ["/c": "[default]\ncredential_process=/bin/x"], [], "unauthorized",
                "credential_process is not supported"
            ),
            ([:], ["/c": "[default]\nrole_arn=r\nsource_profile=q"], [], "unauthorized", "role_arn is not supported"),
            (
                ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/"], [:], [], "unauthorized",
                "expected https, or http to this host"
            ),
            (
                ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"], [:], [.answer(500, "")], "unreachable",
                "HTTP 500"
            ),
            (
                ["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/"], [:], [.ok("{}")], "unreachable",
                "lacks AccessKeyId"
            ),
            (
                [
                    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/",
                    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "a\r\nX: y",
                ], [:], [], "unauthorized", "line break"
            ),
            (["AWS_EC2_METADATA_DISABLED": "true"], [:], [], "unauthorized", "AWS_EC2_METADATA_DISABLED=true"),
            ([:], [:], [.ok("token"), .answer(404, "")], "unauthorized", "has no iam/security-credentials/"),
            ([:], [:], [.ok("token"), .ok("role"), .answer(500, "")], "unreachable", "role: HTTP 500"),
            ([:], [:], [.answer(403, "")], "unauthorized", "gave no token: HTTP 403"),
            (
                [:], [:], [.ok("token"), .ok("role"), .ok("{\"Code\":\"AssumeRoleUnauthorizedAccess\"}")],
                "unauthorized", "AssumeRoleUnauthorizedAccess"
            ),
        ] as [([String: String], [String: String], [ScriptedNetwork.Answer], String, String)])
    func `what is configured and does not work is said`(
        _ environment: [String: String], _ files: [String: String], _ answers: [ScriptedNetwork.Answer], _ kind: String,
        _ text: String
    ) async throws {
        let environment = environment.merging(["AWS_SHARED_CREDENTIALS_FILE": "/c", "AWS_CONFIG_FILE": "/f"]) { $1 }
        let error = try await #require(throws: DriverError.self) {
            _ = try await chain(environment, files: files, answers)
        }
        #expect(error.kind == kind, "\(error)")
        #expect(error.message.contains(text), "\(error)")
    }

    @Test(arguments: [
        ("https://anywhere.example/x", true), ("http://localhost:80/x", true), ("http://127.0.0.1/", true),
        ("http://127.8.9.10:1/", true), ("http://[::1]:80/", true), ("http://[fd00:ec2::23]/", true),
        ("http://169.254.170.2", true), ("http://169.254.170.23/v1", true), ("http://169.254.169.254/", false),
        ("http://example.com/", false), ("http://127.0.0.1.example.com/", false),
        ("http://127.0.0.1@evil.example/", false),
        ("http://127.0.0.1:80@evil.example/", false), ("http://evil.example\\@127.0.0.1/", false),
        ("http://localhost.evil.example/", false), ("http://127.0.0/", false), ("http://127.0.0.256/", false),
        ("http://[::1].evil.example/", false), ("ftp://localhost/", false), ("localhost", false),
    ])
    func `credentials are asked for in the clear only on this host`(_ url: String, _ allowed: Bool) {
        #expect(ContainerCredentials.mayBeAsked(url) == allowed)
    }

    @Test func `an instance is asked with a token, around every proxy`() async throws {
        let server = try RawHTTPServer { request in
            switch (request.method, request.target, request.header("X-aws-ec2-metadata-token")) {
            case ("PUT", "/latest/api/token", _)
            where request.header("X-aws-ec2-metadata-token-ttl-seconds") != nil:
                [.answer(body: "tok")]
            case ("GET", "/latest/meta-data/iam/security-credentials/", "tok"): [.answer(body: "my-role\n")]
            case ("GET", "/latest/meta-data/iam/security-credentials/my-role", "tok"): [.answer(body: Self.json)]
            case ("GET", "/latest/meta-data/placement/region", "tok"): [.answer(body: "ap-south-1")]
            default: [.answer(401)]
            }
        }
        let transport = HTTPTransport()
        defer {
            transport.shutdown()
            server.stop()
        }
        let surroundings = AWSSurroundings.fake(
            environment: ["AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url + "/"], send: transport.send)
        let provider = AWSCredentialsProvider(region: "us-east-1", surroundings: surroundings)
        #expect(try await provider.credentials() == Self.expected)
        #expect(try await AWSRegion.resolve(nil, surroundings: surroundings) == "ap-south-1")
    }

    @Test(
        arguments: [
            ("eu-west-1", ["AWS_REGION": "us-east-1"], "eu-west-1"),
            (nil, ["AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"], "us-east-1"),
            (nil, ["AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-2"], "us-east-2"),
            (nil, ["AWS_CONFIG_FILE": "/f"], "ca-west-1"),
            ("us-east-1/evil", [:], nil), ("US", [:], nil), (nil, ["AWS_REGION": "a.b-c"], nil), (nil, [:], nil),
        ] as [(String?, [String: String], String?)])
    func `the region is the nearest one named`(
        _ explicit: String?, _ environment: [String: String], _ expected: String?
    ) async throws {
        let surroundings = AWSSurroundings.fake(
            environment: environment, files: ["/f": "[default]\nregion = ca-west-1"])
        if let expected {
            #expect(try await AWSRegion.resolve(explicit, surroundings: surroundings) == expected)
        } else {
            let error = try await #require(throws: DriverError.self) {
                try await AWSRegion.resolve(explicit, surroundings: surroundings)
            }
            #expect(error.kind == "rejected")
        }
    }
}
