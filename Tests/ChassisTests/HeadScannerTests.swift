import Testing

@testable import Chassis

@Suite struct `The head scanner and the body framing` {
    @Test(arguments: `The HTTP edge`.malformed + `The HTTP edge`.accepted)
    func `come to the same end however the bytes are cut`(request: Hostile) {
        let whole = outcome(of: request.bytes, step: request.bytes.count)
        for step in [1, 2, 3, 7] where request.bytes.count < 20_000 || step == 7 {
            #expect(outcome(of: request.bytes, step: step) == whole)
        }
    }

    /// What a request's bytes amount to when they come in steps.
    private func outcome(of bytes: [UInt8], step: Int) -> String {
        var scanner = HeadScanner(limits: .standard)
        var framing: BodyFraming?
        var headBytes: Int?
        for end in stride(from: step, through: bytes.count + step - 1, by: step) {
            let seen = Array(bytes.prefix(end))
            do throws(PlainRefusal) {
                if headBytes == nil {
                    switch scanner.scan(seen.span) {
                    case .incomplete: continue
                    case .refused(let refusal): throw refusal
                    case .complete(let count):
                        headBytes = count
                        let head = try RequestHead(seen.span, lines: scanner.lines)
                        framing = try BodyFraming(head.framing, limit: 65_536)
                        if framing == nil { return "complete after \(count)" }
                    }
                }
                if let headBytes {
                    switch framing?.scan(seen.span, from: headBytes) {
                    case .complete(let count): return "complete after \(headBytes + count)"
                    case .refused(let refusal): throw refusal
                    case .incomplete, nil: break
                    }
                }
            } catch {
                return "\(error.code) \(error.message)"
            }
        }
        return "incomplete"
    }
}
