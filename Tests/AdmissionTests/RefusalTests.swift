import Testing

@testable import Admission

struct RefusalTests {
    /// Clients repeat 408, 409, 429 and 5xx by themselves; where that would only be a second hold, they are told not to.
    @Test(arguments: Refusal.Code.allCases)
    func `a wait that failed is not to be repeated by itself`(code: Refusal.Code) {
        let isFinal = code.shouldRetry == false
        #expect(isFinal == ![429, 502].contains(code.httpStatus) || code == .draining)
        #expect((400..<600).contains(code.httpStatus))
        #expect(!code.errorType.isEmpty)
    }
}
