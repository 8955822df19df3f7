import NIOCore

/// Addresses with equal first bits, such as `10.0.0.0/8` or `fd00::/8`; a single address without a slash.
package struct AddressBlock: Hashable, Sendable {
    private let bytes: [UInt8]
    private let bits: Int

    /// Nil for any other text.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = try? SocketAddress(ipAddress: String(parts[0]), port: 0),
            let bytes = Self.bytes(of: address)
        else { return nil }
        let bits = parts.count == 1 ? bytes.count * 8 : Int(parts[1]) ?? -1
        guard (0...bytes.count * 8).contains(bits) else { return nil }
        self.bytes = bytes
        self.bits = bits
    }

    func contains(_ address: SocketAddress) -> Bool {
        guard let other = Self.bytes(of: address), other.count == bytes.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let differ: UInt8 = bytes[bit / 8] ^ other[bit / 8]
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            return differ & mask == 0
        }
    }

    /// An IPv4 address that comes through an IPv6 socket counts as the IPv4 address it is.
    private static func bytes(of address: SocketAddress) -> [UInt8]? {
        let raw = address.withSockAddr { Array(UnsafeRawBufferPointer(start: $0, count: $1)) }
        switch address.protocol {
        case .inet: return Array(raw[4..<8])
        case .inet6:
            let all = Array(raw[8..<24])
            let isMapped = all.prefix(10).allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            return isMapped ? Array(all[12...]) : all
        default: return nil
        }
    }
}
