extension HTTPRequest {
    /// The scheme, host and port of the URL, without user information, path and query, which may hold secrets.
    /// Nil where the URL is not an absolute `http` or `https` one.
    var origin: String? {
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else { return nil }
        guard let schemeEnd = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let scheme = url[..<schemeEnd].lowercased()
        let rest = url[schemeEnd...]
        guard scheme == "http" || scheme == "https", rest.hasPrefix("://") else { return nil }
        let authority = rest.dropFirst(3).prefix { !"/?#\\".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? authority
        // A password with an unescaped slash would otherwise be taken for a port.
        let port = host.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
        let hasOddPort = host.last != "]" && host.contains(":") && !port.allSatisfy(\.isNumber)
        return host.isEmpty || hasOddPort ? nil : "\(scheme)://\(host)"
    }

    /// What a message about this request begins with: its method and origin, free of secrets.
    var place: String {
        "\(method.isHTTPToken ? method : "request") \(origin ?? "to a URL that is not an absolute http or https one")"
    }
}

extension String {
    /// A method or field name: letters, digits and a few signs.
    var isHTTPToken: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
