/// Why bytes are not accepted as HTTP/1.1.
///
/// The parser takes one reading of every message or none: where another one might read it differently, it is a fault.
enum HTTPFault: Error, Hashable {
    case bareLineFeed, startLine, version, foldedField, fieldName, fieldValue, host, contentLength, transferEncoding
    case lengthWithTransferEncoding, target, chunkSize, chunkExtension, chunkEnd, trailer
    case lineTooLong, headTooLarge, tooManyFields

    /// What the client is told; an origin's fault is a 502 whatever it is.
    var status: Int {
        switch self {
        case .lineTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .version: 505
        default: 400
        }
    }
}

/// What a head may take.
package struct HeadLimits: Hashable, Sendable {
    /// Start line and fields with their line ends, and likewise the trailer section.
    package var bytes = 32 << 10
    package var fields = 100

    package init() {}
}
