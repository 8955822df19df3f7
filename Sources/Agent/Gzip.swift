import CZlib

/// Compresses with gzip framing, for clients that accept it. `nil` when zlib refuses, which callers answer by sending
/// the bytes as they are.
func gzip(_ bytes: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    // 16 above the largest window asks for a gzip header; level 1 is what a scrape every 15 s wants.
    guard
        deflateInit2_(
            &stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var input = bytes
    let bound = Int(deflateBound(&stream, UInt(input.count)))
    var finished = false
    let output = [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
        input.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            stream.next_out = buffer.baseAddress
            stream.avail_out = UInt32(buffer.count)
            finished = deflate(&stream, Z_FINISH) == Z_STREAM_END
            count = buffer.count - Int(stream.avail_out)
        }
    }
    return finished ? output : nil
}
