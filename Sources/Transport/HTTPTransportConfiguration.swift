extension HTTPTransport {
    /// What is the same for every request of one transport.
    package struct Configuration: Sendable {
        /// Sent as `User-Agent`.
        package var userAgent: String
        /// Requests in flight, waiting ones included; one more fails at once with `notSent`.
        package var maximumRequests: Int
        /// The longest that name lookup, connecting and the TLS handshake may take together.
        package var connectTimeout: Duration
        /// Certificate authorities to trust, a PEM file; nil trusts those of the system.
        package var caFile: String?
        /// A certificate to show to servers, a PEM file, and its key where that is in a file of its own.
        package var clientCertificateFile: String?
        package var clientKeyFile: String?
        /// A proxy for every request that does not bypass it; nil takes `http_proxy`, `https_proxy`, `all_proxy` and
        /// `no_proxy` from the environment.
        package var proxy: String?

        package init(
            userAgent: String = "scale-agent", maximumRequests: Int = 256, connectTimeout: Duration = .seconds(5),
            caFile: String? = nil, clientCertificateFile: String? = nil, clientKeyFile: String? = nil,
            proxy: String? = nil
        ) {
            self.userAgent = userAgent
            self.maximumRequests = maximumRequests
            self.connectTimeout = connectTimeout
            self.caFile = caFile
            self.clientCertificateFile = clientCertificateFile
            self.clientKeyFile = clientKeyFile
            self.proxy = proxy
        }
    }
}
