import Testing

@testable import Chassis

@Suite struct `A secret` {
    @Test func `shows a placeholder wherever it is printed`() {
        let secret = Secret("hunter2")
        #expect("\(secret)" == "<secret>")
    }
}
