import Admission
import Fleet
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Bodies of which an engine could read another model than the one that was let in.
@Suite struct AmbiguousBodyTests {
    static let disposition = "Content-Disposition: form-data; name="

    static func form(_ parts: String..., start: String = "") -> String {
        start + parts.map { "--b\r\n\($0)\r\n" }.joined() + "--b--\r\n"
    }

    static let formType = "multipart/form-data; boundary=b"

    static let bodies: [(what: String, type: String, body: String)] = [
        ("two models", "application/json", "{\"model\":\"m\",\"model\":\"other\"}"),
        ("an escaped model", "application/json", "{\"model\":\"m\",\"mod\\u0065l\":\"other\"}"),
        ("only an escaped model", "application/json", "{\"\\u006Dodel\":\"other\"}"),
        ("another case", "application/json", "{\"model\":\"m\",\"Model\":\"other\"}"),
        ("a model that is none first", "application/json", "{\"model\":null,\"stream\":false,\"model\":\"m\"}"),
        ("two ways to answer", "application/json", "{\"model\":\"m\",\"stream\":false,\"stream\":true}"),
        ("behind a long string", "application/json", "{\"model\":\"m\",\"x\":\"\(longText)\",\"model\":\"other\"}"),
        ("two parts", formType, form("\(disposition)\"model\"\r\n\r\nm", "\(disposition)\"model\"\r\n\r\nother")),
        ("two names", formType, form("\(disposition)\"x\"; name=\"model\"\r\n\r\nother")),
        ("another name", formType, form("\(disposition)\"x\"; name*=utf-8''model\r\n\r\nother")),
        ("an escaped name", formType, form("\(disposition)\"mo\\del\"\r\n\r\nother")),
        ("a folded field", formType, form("Content-Disposition: form-data;\r\n name=\"model\"\r\n\r\nother")),
        ("bare line feeds", formType, form("\(disposition)\"model\"\n\nother")),
        (
            "a document before the form", formType,
            form("\(disposition)\"model\"\r\n\r\nm", start: "{\"model\":\"other\"}\r\n")
        ),
        ("two boundaries", "\(formType); boundary=c", form("\(disposition)\"model\"\r\n\r\nm")),
        ("two types", "application/json\r\nContent-Type: \(formType)", "{\"model\":\"m\"}"),
    ]

    static let longText = String(repeating: "x", count: 5000)

    private func post(_ type: String, _ body: String) -> String {
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: g\r\nContent-Type: \(type)\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    @Test("What could be read in two ways is refused, and no engine gets it")
    func refused() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.models["other"] = pool
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            for row in Self.bodies {
                let seen = try await gateway.ask(post(row.type, row.body))
                #expect(seen.status == 400 && seen.body.contains("\"code\":\"ambiguous_body\""), "\(row.what)")
            }
            let client = try await gateway.request(chat(id: "honest"))
            #expect(try await origin.accept().message()["x-request-id"] == "honest")
            client.close()
        }
    }

    @Test("A second model that comes after the request was let in ends it, and no engine gets the body whole")
    func late() async throws {
        try await RunningGateway.run { _, _, admission in
            admission.models["other"] = pool
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            for isAnswering in [false, true] {
                let client = try await gateway.request(
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + chunk("{\"model\":\"m\",\"stream\":true,"))
                let replica = try await origin.accept()
                _ = try await replica.read(through: "true,\r\n")
                if isAnswering {
                    try await replica.send(eventStream)
                    _ = try await client.read(through: "\r\n\r\n")
                }
                try await client.send(chunk("\"model\":\"other\"}") + "0\r\n\r\n")
                if !isAnswering { #expect(try await client.message().status == 400) }
                #expect(await client.rest() == "")
                #expect(await replica.rest() == "")
            }
        }
    }

    @Test("The only model is meant by a body that names none, until it names another one")
    func belied() async throws {
        try await RunningGateway.run { settings, _, _ in
            settings.limits.heldBodyBytes = 100
        } _: { gateway in
            let origin = try await Origin()
            gateway.controller.serve(origin)
            let client = try await gateway.request(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + chunk("{\"x\":\"\(Self.longText)\","))
            let replica = try await origin.accept()
            _ = try await replica.read(through: "x\",\r\n")
            try await client.send(chunk("\"model\":\"other\"}") + "0\r\n\r\n")
            #expect(try await client.message().status == 400)
            #expect(await replica.rest() == "")
        }
    }

    @Test(
        "A form is read part by part, wherever it is cut",
        arguments: [
            (
                form(
                    "\(disposition)\"file\"; filename=\"a; name=\"\r\nX: y\r\n\r\n\r\n--\rname=\"model\"\r\n-",
                    "\(disposition)\"model\"\r\n\r\nm"), "m"
            ),
            (form("content-disposition:form-data;name=model\r\n\r\n\r\n--c\r\n"), "\r\n--c\r\n"),
            (form("\(disposition)\"x\"\r\n\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm"), nil),
            (form("\(disposition)\"model\"\r\n\r\n\(longText)"), nil),
        ])
    func forms(_ text: String, _ model: String?) {
        for cut in Cuts(text.utf8.count) {
            var form = FormScan(contentType: "Multipart/Form-Data; boundary=\"b\"")
            for piece in cut.pieces(of: Array(text.utf8)) {
                piece.withUnsafeBytes { form?.read($0) }
            }
            #expect(form?.isAmbiguous == false && form?.model == model, "\(cut)")
        }
    }

    @Test(
        "A model in the head, or in the content of a JSON body, is none",
        arguments: [
            "{\"x\":\"name=\\\"model\\\"\\r\\n\\r\\nm\\r\\n\"}", "[\"model\",\"m\"]", "name=\"model\"\r\n\r\nm\r\n",
        ])
    func noForm(_ body: String) async throws {
        try await RunningGateway.run { _, _, admission in
            admission.models["other"] = pool
        } _: { gateway in
            let seen = try await gateway.ask(post("application/json\r\nX: name=\"model\"", body))
            #expect(seen.status == 400 && seen.body.contains("\"code\":\"missing_model\""))
        }
    }
}
