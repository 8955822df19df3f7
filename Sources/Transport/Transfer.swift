import CCurl

/// One request on its way: owns the libcurl handle and collects the answer. Lives on the transport's thread.
final class Transfer {
    let job: Inbox.Job
    let easy: UnsafeMutableRawPointer
    private let errorText = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var builder: ResponseBuilder
    /// How often libcurl has begun to send the request on a connection that was up.
    private var timesSent = 0

    /// Throws `notSent` for a request that cannot be sent as it is.
    init(_ job: Inbox.Job, _ configuration: HTTPTransport.Configuration) throws(HTTPFailure) {
        guard let easy = curl_easy_init() else {
            errorText.deallocate()
            throw .notSent("\(job.request.place): out of memory")
        }
        self.job = job
        self.easy = easy
        builder = ResponseBuilder(maximumBodyBytes: job.request.maximumResponseBytes)
        errorText.initialize(repeating: 0)
        do throws(OptionRefused) {
            try setUp(configuration)
        } catch {
            throw failure(error.reason)
        }
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }

    /// The transfer that a handle belongs to.
    static func of(_ easy: UnsafeMutableRawPointer) -> Transfer? {
        var pointer: UnsafeMutableRawPointer?
        guard ccurl_get_pointer(easy, CURLINFO_PRIVATE, &pointer) == CURLE_OK, let pointer else { return nil }
        return Unmanaged<Transfer>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// What became of the request, by libcurl's verdict.
    func outcome(_ code: CURLcode) -> Inbox.Outcome {
        if let refusal = builder.refusal { return .failure(failure(refusal)) }
        if code == CURLE_OK {
            if let response = builder.response { return .success(response) }
            return .failure(failure("the answer ends within its header"))
        }
        if timesSent > 1 && code == CURLE_ABORTED_BY_CALLBACK {
            return .failure(failure("the server closed the connection without an answer"))
        }
        let detail = errorText.baseAddress.map { String(cString: $0) } ?? ""
        // Complaints about a proxy setting quote it, password included.
        let isTelling = !detail.isEmpty && !detail.contains("@")
        return .failure(failure(isTelling ? detail : String(cString: curl_easy_strerror(code))))
    }

    /// The failure of this request now: until libcurl begins to send, the server has seen nothing.
    func failure(_ reason: String) -> HTTPFailure {
        let text = "\(job.request.place): \(reason)"
        return timesSent == 0 ? .notSent(text) : .unknownOutcome(text)
    }
}

// MARK: - Callbacks

extension Transfer {
    /// Called when the connection is up, before each time the request goes out.
    ///
    /// libcurl sends again by itself, on a new connection, when a kept one turns out closed. The server may have acted
    /// on the first copy all the same, so only reading methods are let through a second time.
    private func mayBeginToSend() -> Bool {
        timesSent += 1
        return timesSent == 1 || job.request.method == "GET" || job.request.method == "HEAD"
    }

    private func setCallbacks() throws(OptionRefused) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_PRIVATE, CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_PREREQDATA] {
            try check(ccurl_set_pointer(easy, option, context))
        }
        try check(ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText.baseAddress))
        try check(
            ccurl_set_on_bytes(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                Transfer.pass(bytes, size * count, context) { $0.builder.appendBody($1) }
            })
        try check(
            ccurl_set_on_bytes(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                Transfer.pass(bytes, size * count, context) { $0.builder.appendHeader($1) }
            })
        try check(
            ccurl_set_on_send(easy) { context, _, _, _, _ in
                guard let context else { return CURL_PREREQFUNC_ABORT }
                let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
                return transfer.mayBeginToSend() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            })
    }

    /// Any number but `count` stops the transfer; zero would not where `count` is zero, but then nothing is refused.
    private static func pass(
        _ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ context: UnsafeMutableRawPointer?,
        to append: (Transfer, UnsafeRawBufferPointer) -> Bool
    ) -> Int {
        guard let context else { return 0 }
        let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        return append(transfer, UnsafeRawBufferPointer(start: bytes, count: count)) ? count : 0
    }
}

// MARK: - Options

extension Transfer {
    struct OptionRefused: Error {
        var reason: String
    }

    private func setUp(_ configuration: HTTPTransport.Configuration) throws(OptionRefused) {
        let request = job.request
        guard request.origin != nil else { throw OptionRefused(reason: "nothing to connect to") }
        try setCallbacks()
        try set(CURLOPT_URL, request.url)
        try check(ccurl_set_http_only(easy))
        // One request at a time on a connection: a cut connection then cuts one request.
        try set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_FOLLOWLOCATION, 0)
        try set(CURLOPT_NOSIGNAL, 1)
        try check(ccurl_set_quick_exit(easy))
        try set(CURLOPT_USERAGENT, configuration.userAgent)
        try set(CURLOPT_ACCEPT_ENCODING, "")  // Everything this libcurl can decode.
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        try setDeadlines(configuration)
        try setSecurity(configuration)
        if request.bypassesProxy {
            try set(CURLOPT_NOPROXY, "*")
        } else if let proxy = configuration.proxy {
            try set(CURLOPT_PROXY, proxy)
        }
        try setMethodAndBody()
        try setSignature()
        try setHeaders()
    }

    private func setDeadlines(_ configuration: HTTPTransport.Configuration) throws(OptionRefused) {
        let remaining = job.expires - .now
        guard remaining > .zero else { throw OptionRefused(reason: "the deadline passed before it could be sent") }
        try set(CURLOPT_TIMEOUT_MS, remaining.roundedUpMilliseconds)
        try set(CURLOPT_CONNECTTIMEOUT_MS, min(remaining, configuration.connectTimeout).roundedUpMilliseconds)
    }

    private func setSecurity(_ configuration: HTTPTransport.Configuration) throws(OptionRefused) {
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        try set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let file = configuration.caFile { try set(CURLOPT_CAINFO, file) }
        if let file = configuration.clientCertificateFile { try set(CURLOPT_SSLCERT, file) }
        if let file = configuration.clientKeyFile { try set(CURLOPT_SSLKEY, file) }
    }

    private func setMethodAndBody() throws(OptionRefused) {
        let request = job.request
        guard request.method.isHTTPToken else { throw OptionRefused(reason: "the method is not a word") }
        if request.method == "HEAD" { return try set(CURLOPT_NOBODY, 1) }
        let wantsBody = ["POST", "PUT", "PATCH"].contains(request.method)
        if let body = request.body ?? (wantsBody ? [] : nil) {
            try set(CURLOPT_POST, 1)
            try check(ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            // Without an address libcurl would read the body from standard input.
            let code = (body.isEmpty ? [0] : body).withUnsafeBytes {
                ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
            }
            try check(code)
            // A large body does not wait for a `100 Continue`; an `Expect:` header to remove it would spoil a signature.
            try set(CURLOPT_EXPECT_100_TIMEOUT_MS, 1)
        }
        try set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    private func setSignature() throws(OptionRefused) {
        guard let signature = job.request.signature else { return }
        guard job.request.method == "POST", !job.request.url.contains("?") else {
            throw OptionRefused(reason: "only POST without a query can be signed")
        }
        let code = "aws:amz:\(signature.region):\(signature.service)".withCString {
            ccurl_set_string(easy, CURLOPT_AWS_SIGV4, $0)
        }
        guard code == CURLE_OK else { throw OptionRefused(reason: "this libcurl cannot sign for AWS (SigV4)") }
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        try set(CURLOPT_USERNAME, signature.accessKeyID)
        try set(CURLOPT_PASSWORD, signature.secretAccessKey)
    }

    private func setHeaders() throws(OptionRefused) {
        let request = job.request
        var fields = request.headers
        if let token = request.signature?.sessionToken { fields.append(HTTPField("X-Amz-Security-Token", token)) }
        for field in fields {
            guard field.name.isHTTPToken, !field.value.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) else {
                throw OptionRefused(reason: "a header field has an impossible name, or a line end in its value")
            }
            // libcurl takes `Name:` for "leave it out" and `Name;` for "empty".
            try appendHeader(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
        // What libcurl adds by itself for a body. A removal would be signed as if it were a field, so not when signing.
        if request.signature == nil {
            try appendHeader("Expect:")
            if !fields.contains(where: { $0.name.lowercased() == "content-type" }) { try appendHeader("Content-Type:") }
        }
        try check(ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, headerList))
    }

    private func appendHeader(_ line: String) throws(OptionRefused) {
        guard let longer = curl_slist_append(headerList, line) else { throw OptionRefused(reason: "out of memory") }
        headerList = longer
    }

    private func set(_ option: CURLoption, _ value: Int) throws(OptionRefused) {
        try check(ccurl_set_long(easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) throws(OptionRefused) {
        try check(ccurl_set_string(easy, option, value))
    }

    private func check(_ code: CURLcode) throws(OptionRefused) {
        guard code == CURLE_OK else {
            throw OptionRefused(reason: "libcurl refuses a setting: \(String(cString: curl_easy_strerror(code)))")
        }
    }
}

extension Duration {
    fileprivate var roundedUpMilliseconds: Int {
        Int(components.seconds) * 1000 + Int((components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
