/// A part of a stored value that values of earlier versions lack: it then has its default, `Value()`.
@propertyWrapper
package struct AddedLater<Value: Defaulted & Hashable & Sendable & Codable>: Hashable, Sendable, Codable {
    package var wrappedValue: Value

    package init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

    package init(from decoder: any Decoder) throws { wrappedValue = try Value(from: decoder) }

    package func encode(to encoder: any Encoder) throws { try wrappedValue.encode(to: encoder) }
}

package protocol Defaulted {
    init()
}

extension Int: Defaulted {}
extension Array: Defaulted {}

extension KeyedDecodingContainer {
    /// The decoders that the compiler writes call this in place of the method of the library.
    package func decode<Value>(_ type: AddedLater<Value>.Type, forKey key: Key) throws -> AddedLater<Value> {
        try decodeIfPresent(type, forKey: key) ?? AddedLater(wrappedValue: Value())
    }
}
