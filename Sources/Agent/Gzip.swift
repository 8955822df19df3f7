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

/// Unpacks gzip, concatenated members included; `nil` when the bytes are no whole gzip file or unpack to more than
/// `limit` bytes.
package func gunzip(_ bytes: [UInt8], limit: Int = 256 << 20) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
        return nil
    }
    defer { inflateEnd(&stream) }
    var input = bytes
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    return input.withUnsafeMutableBufferPointer { source -> [UInt8]? in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(clamping: source.count)
        while true {
            let status = chunk.withUnsafeMutableBufferPointer { buffer in
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(buffer.count)
                return inflate(&stream, Z_NO_FLUSH)
            }
            output += chunk[..<(chunk.count - Int(stream.avail_out))]
            guard output.count <= limit else { return nil }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END where stream.avail_in == 0: return output
            case Z_STREAM_END: guard inflateReset(&stream) == Z_OK else { return nil }
            default: return nil
            }
        }
    }
}
