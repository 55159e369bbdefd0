/// Finds the end of a request's body, counting what it carries.
///
/// Chunks are read more strictly than RFC 9112 section 7.1 asks: no extensions, no trailer fields, at most
/// eight digits, CRLF exactly. Nobody's client needs the rest, and every known way to make two readers
/// disagree does.
struct BodyFraming {
    /// What is known after some bytes.
    enum Outcome: Equatable {
        case incomplete
        /// The body has ended; this many bytes of it, framing included, have been looked at in all.
        case complete(bytes: Int)
        case refused(PlainRefusal)
    }

    private enum State {
        case length(Int)
        case size(digits: Int, value: Int)
        case sizeLF(Int)
        case data(Int)
        case dataCR, dataLF
        case endCR, endLF
    }

    private var state: State
    private var position = 0
    private var carried = 0
    private let limit: Int

    /// Prepares for a body; one that declares more than the limit is refused before any of it is read.
    init?(_ framing: RequestHead.Framing, limit: Int) throws(PlainRefusal) {
        self.limit = limit
        switch framing {
        case .none:
            return nil
        case .length(let length):
            guard length <= limit else { throw .bodyTooLarge }
            state = .length(length)
        case .chunked:
            state = .size(digits: 0, value: 0)
        }
    }

    /// How many bytes have come, framing included.
    var received: Int { position }

    /// Looks at the bytes that were not there the last time; the body always begins at `start`.
    mutating func scan(_ message: Span<UInt8>, from start: Int) -> Outcome {
        let bytes = message.extracting(start..<message.count)
        if case .length(let length) = state {
            position = min(length, bytes.count)
            return position == length ? .complete(bytes: length) : .incomplete
        }
        while position < bytes.count {
            if case .data(let rest) = state {
                let taken = min(rest, bytes.count - position)
                position += taken
                state = taken == rest ? .dataCR : .data(rest - taken)
                continue
            }
            let byte = bytes[position]
            position += 1
            switch step(byte) {
            case .complete: return .complete(bytes: position)
            case .refused(let refusal): return .refused(refusal)
            case .incomplete: break
            }
        }
        return .incomplete
    }

    /// Takes one byte of the framing.
    private mutating func step(_ byte: UInt8) -> Outcome {
        let malformed = Outcome.refused(.malformed("The body's chunks are malformed."))
        switch state {
        case .size(let digits, let value):
            if let digit = hexValue(byte), digits < 8 {
                state = .size(digits: digits + 1, value: value << 4 | Int(digit))
                return .incomplete
            }
            guard byte == UInt8(ascii: "\r"), digits > 0 else { return malformed }
            state = .sizeLF(value)
        case .sizeLF(let size):
            guard byte == UInt8(ascii: "\n") else { return malformed }
            carried += size
            // Framing may cost as much again as the data, not more.
            guard carried <= limit, position <= 2 * limit + 1024 else { return .refused(.bodyTooLarge) }
            state = size == 0 ? .endCR : .data(size)
        case .dataCR, .endCR:
            guard byte == UInt8(ascii: "\r") else { return malformed }
            if case .endCR = state { state = .endLF } else { state = .dataLF }
        case .dataLF:
            guard byte == UInt8(ascii: "\n") else { return malformed }
            state = .size(digits: 0, value: 0)
        case .endLF:
            return byte == UInt8(ascii: "\n") ? .complete(bytes: position) : malformed
        case .length, .data:
            preconditionFailure("data is not taken byte by byte")
        }
        return .incomplete
    }
}
