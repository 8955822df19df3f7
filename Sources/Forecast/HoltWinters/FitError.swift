/// Why no model could be fitted to a series.
package enum FitError: Error, Hashable, Sendable {
    /// Fewer slots between the first and the last sample than the model needs for its start and one forecast.
    case tooShort(found: Int, needed: Int)
    /// A multiplicative season needs samples greater than 0; this one, counted from the first sample as 0, is not.
    case notPositive(slot: Int)
    /// A season is not a whole number of slots, at least 2, or the longer of two is no longer than the shorter.
    case unsuitableSeason
    /// The samples are so large that the squares of the errors are no numbers.
    case notFinite
}
