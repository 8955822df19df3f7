/// A text that is never shown: descriptions, debug output, reflection and encoding all say `<redacted>`.
package struct Secret: Hashable, Sendable {
    /// The text itself. Whoever asks for it takes over the duty of not showing it.
    package let revealed: String

    package init(_ text: String) { revealed = text }

    static let shown = "<redacted>"
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable, Encodable {
    package var description: String { Self.shown }
    package var debugDescription: String { Self.shown }
    package var customMirror: Mirror { Mirror(self, children: []) }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Self.shown)
    }
}
