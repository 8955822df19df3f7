import CCurl

/// A libcurl multi handle.
///
/// Unchecked because it holds a pointer: all but `wakeUp` is called on the transport's thread only (or before it
/// exists), libcurl allows `wakeUp` on any thread, and `Inbox` calls `wakeUp` and `free` under its lock.
struct MultiHandle: @unchecked Sendable {
    struct Unavailable: Error {}

    let pointer: UnsafeMutableRawPointer

    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameter maximumConnections: how many idle connections are kept for later requests.
    init(maximumConnections: Int) throws(Unavailable) {
        guard Self.isLibraryReady, let pointer = curl_multi_init() else { throw Unavailable() }
        self.pointer = pointer
        // By default libcurl keeps four times the handles in use, that is almost none between two rounds of scrapes.
        _ = ccurl_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, maximumConnections)
    }

    func wakeUp() {
        curl_multi_wakeup(pointer)
    }

    func free() {
        curl_multi_cleanup(pointer)
    }
}
