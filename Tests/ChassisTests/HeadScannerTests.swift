import HTTPTypes
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

    @Test(arguments: `The HTTP edge`.malformed + `The HTTP edge`.excessive)
    func `refuse what is hostile without the decoder's help`(request: Hostile) {
        // What a head or a body in the making is waiting for comes after it.
        let bytes = request.bytes + Array("GET /hello HTTP/1.1\r\nHost: smuggled\r\n\r\n".utf8)
        #expect(outcome(of: bytes, step: bytes.count).hasPrefix("refused \(request.status) "))
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
                return "refused \(error.status.code) \(error.message)"
            }
        }
        return "incomplete"
    }
}
