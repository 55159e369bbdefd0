/// Finds the end of a request's head byte by byte, refusing what no head may contain as soon as it appears.
///
/// Each byte is looked at once, however slowly a client sends. Every line must end in CRLF: a CR or LF
/// alone, NUL and other control characters are refused here, so that the parser behind sees well-separated
/// lines only.
struct HeadScanner {
    /// What is known after some bytes.
    enum Outcome: Equatable {
        /// The head goes on.
        case incomplete
        /// The empty line has come; the head is this many bytes long.
        case complete(bytes: Int)
        /// No valid head begins like this.
        case refused(PlainRefusal)
    }

    /// Where each line begins and ends, without its CRLF; the first is the request line.
    private(set) var lines: [Range<Int>] = []
    private var position = 0
    private var lineStart = 0
    private var sawCR = false
    private let limits: HTTPLimits

    init(limits: HTTPLimits) {
        self.limits = limits
    }

    /// Whether any byte of the head has come.
    var hasBegun: Bool { position > 0 }

    /// Looks at the bytes that were not there the last time; `bytes` always begins where the head begins.
    mutating func scan(_ bytes: Span<UInt8>) -> Outcome {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if sawCR {
                guard byte == UInt8(ascii: "\n") else {
                    return .refused(.malformed("A line does not end in CRLF."))
                }
                sawCR = false
                if let outcome = endLine() { return outcome }
                continue
            }
            if byte == UInt8(ascii: "\r") {
                sawCR = true
            } else if byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7f {
                return .refused(.malformed("The request's head contains a control character."))
            }
            if let refusal = excess { return .refused(refusal) }
        }
        return .incomplete
    }

    /// Notes a finished line; an outcome when it was the last.
    private mutating func endLine() -> Outcome? {
        let line = lineStart..<(position - 2)
        lineStart = position
        if line.isEmpty {
            // RFC 9112 section 2.2: an empty line before the request line is skipped; here one, not many.
            guard lines.isEmpty else { return .complete(bytes: position) }
            return line.lowerBound > 0 ? .refused(.malformed("The request line is empty.")) : nil
        }
        lines.append(line)
        return lines.count > limits.headerFields + 1 ? .refused(.headersTooLarge) : nil
    }

    private var excess: PlainRefusal? {
        if let first = lines.first {
            return position - first.upperBound - 2 > limits.headerBytes ? .headersTooLarge : nil
        }
        return position - lineStart > limits.requestLineBytes ? .requestLineTooLong : nil
    }
}
