import FoundationEssentials
import Testing

@testable import Config

@Suite struct SecretTests {
    @Test("is never shown")
    func redacted() throws {
        struct Holder: Encodable { var secret = Secret("hunter2") }
        let secret = Secret("hunter2")
        var dumped = ""
        dump(Holder(), to: &dumped)
        let encoded = String(decoding: try JSONEncoder().encode(Holder()), as: UTF8.self)
        for shown in ["\(secret)", String(reflecting: secret), "\([secret])", dumped, encoded, "\(Holder())"] {
            #expect(!shown.contains("hunter2"))
            #expect(shown.contains("<redacted>"))
        }
        #expect(secret.revealed == "hunter2")
    }

    @Test(
        "comes from the environment or a file",
        arguments: [
            ("Bearer ${env:VLLM_KEY}", "Bearer hunter2"), ("${file:/run/key}", "hunter3"), ("${file:key}", "hunter4"),
            ("${env:VLLM_KEY}-${file:/run/key}!", "hunter2-hunter3!"), ("plain $5 {x}", "plain $5 {x}"),
        ])
    func sources(text: String, value: String) throws {
        let config = try parse(
            pool("min: 1", engine: "endpoint: \"http://a\", headers: {Authorization: \"\(text)\"}"),
            file: "/etc/agent/\(example)")
        let header = try #require(config.pools.first?.engine.headers.first)
        #expect(header.name == "Authorization")
        #expect(header.value.revealed == value)
        #expect(!"\(config)".contains("hunter"))
        #expect(!config.describe().contains("hunter"))
        #expect(config.describe().contains("\"Authorization\": \"<redacted>\""))
    }

    @Test(
        "problems with secrets do not quote them",
        arguments: [
            ("X: \"${env:ABSENT} hunter\"", "the environment variable \"ABSENT\" is not set"),
            ("X: \"${env:EMPTY} hunter\"", "the environment variable \"EMPTY\" is not set"),
            ("X: \"${env:BROKEN} hunter\"", "the value holds a line break"),
            ("X: \"${file:/absent} hunter\"", "\"/absent\" cannot be read: there is no such file"),
            ("X: \"${hunter}\"", "a ${...} that is neither"), ("X: \"${hunter\"", "a ${...} that is neither"),
            ("X: [hunter]", "expected a text, found a list"), ("\"X Y\": hunter", "this is no name of a header"),
        ])
    func problemsOfSecrets(header: String, message: String) {
        let found = problems(pool("min: 1", engine: "endpoint: \"http://a\", headers: {\(header)}"))
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(message) == true, "\(found)")
        #expect(found.first?.contains("hunter") != true)
    }

    @Test("the environment of local replicas is secret too")
    func environment() throws {
        let config = try parse(
            """
            pools:
              - name: a
                max: 1
                engine: {}
                driver:
                  {kind: local, command: [vllm], slots: 1, ports: 1-1, environment: {HF_TOKEN: "${env:VLLM_KEY}", GPU: "{gpu}"}}
            """)
        guard case .local(let local) = config.pools[0].driver else { throw MissingDriver() }
        #expect(local.environment == ["HF_TOKEN": Secret("hunter2"), "GPU": Secret("{gpu}")])
        #expect(!config.describe().contains("hunter"))
    }

    struct MissingDriver: Error {}
}
