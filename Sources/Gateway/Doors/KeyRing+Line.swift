extension KeyRing {
    /// The line of a key file for this key.
    package static func line(for secret: String, name: String) -> String {
        let digits = Array("0123456789abcdef")
        return String(sha256(secret.utf8).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) + " \(name)\n"
    }
}
