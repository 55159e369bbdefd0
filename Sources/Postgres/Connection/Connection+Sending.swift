internal import CLibPQ
import Glibc

/// What goes to libpq: units in their order, as much at a time as the server takes.
extension Connection {
    func planSend() {
        guard !isSendPlanned else { return }
        isSendPlanned = true
        Reactor.shared.sendLater(self)
    }

    /// Sends what has gathered in this turn.
    func sendGathered() {
        isSendPlanned = false
        guard isOpen, !isBlocked, !isScripting else { return }
        // libpq 15 flushes at every sync; corked, the units of one turn leave the machine together.
        let corks = outbox.count > 1
        if corks { cork(1) }
        sendAllowance = 4
        gathered: while !isBlocked, isOpen, !isScripting, sendAllowance > 0, let unit = outbox.first {
            if sentStatements == nil {
                if unit.isAnswered {
                    _ = outbox.popFirst()
                    tellFinished(unit)
                    continue
                }
                if isCancelling { break }
            }
            switch unit.content {
            case .statements(let calls):
                send(unit, calls)
            case .script(let text):
                // It cannot share the pipeline: what is under way comes first.
                guard pipeline.count == 0 else { break gathered }
                startScript(unit, text)
            }
        }
        if isOpen { flush() }
        // A send that found the socket full has read what was there to be read, and nothing else will say so.
        if isOpen, pipeline.isBusy { receive() }
        if corks, isOpen { cork(0) }
    }

    /// Sends one unit, or the next part of one that is larger than the socket takes at once.
    func send(_ unit: PipelineUnit, _ calls: [StatementCall]) {
        if sentStatements == nil {
            pipeline.begin(unit)
            sentStatements = 0
            if unit.beginsTransaction {
                guard prepare(calls.prefix(1)), execute(calls[0]) else { return loseWithMessage() }
            }
            guard prepare(calls) else { return loseWithMessage() }
        }
        while let next = sentStatements, next < calls.count, !unit.isAnswered {
            guard execute(calls[next]) else { return loseWithMessage() }
            // A large unit must not gather in libpq's buffer while the server cannot take more.
            if unsentBytes >= 65_536 {
                flush()
                if isBlocked || !isOpen { return }
                // Nor may it keep the loop to itself while the server takes as fast as it is given.
                sendAllowance -= 1
                if sendAllowance == 0 { return planSend() }
            }
        }
        guard unsafe PQpipelineSync(raw) == 1 else { return loseWithMessage() }
        pipeline.sent(.sync)
        sentStatements = nil
        _ = outbox.popFirst()
    }

    /// Prepares those of a unit's statements that are not; false when the connection is broken.
    func prepare(_ calls: some Sequence<StatementCall>) -> Bool {
        for call in calls where !prepared.contains(call.text) {
            let text = call.text
            let sent = unsafe PQsendPrepare(
                raw,
                prepared.name(of: text),
                text.sql,
                Int32(text.types.count),
                text.types
            )
            guard sent == 1 else { return false }
            prepared.insert(text)
            pipeline.sent(.prepare(text.number))
        }
        return true
    }

    func execute(_ call: StatementCall) -> Bool {
        let sent = unsafe arguments.withArguments(of: call) { count, values, lengths, formats in
            unsafe PQsendQueryPrepared(raw, prepared.name(of: call.text), count, values, lengths, formats, 1)
        }
        pipeline.sent(.execute)
        sentStatements = (sentStatements ?? 0) + 1
        unsentBytes += call.parameters.count + 64
        return sent == 1
    }

    func flush() {
        unsentBytes = 0
        let status = unsafe PQflush(raw)
        guard status >= 0 else { return loseWithMessage() }
        guard isBlocked != (status == 1) else { return }
        isBlocked = status == 1
        Reactor.shared.change(watch, socket, writable: isBlocked)
        // Whichever call finds that there is room again: nobody else will say so.
        if !isBlocked, !outbox.isEmpty { planSend() }
    }

    func cork(_ on: Int32) {
        var on = on
        unsafe setsockopt(
            socket,
            Int32(IPPROTO_TCP),
            TCP_CORK,
            &on,
            socklen_t(MemoryLayout<Int32>.size)
        )
    }

    func startScript(_ unit: PipelineUnit, _ text: String) {
        _ = outbox.popFirst()
        guard unsafe PQexitPipelineMode(raw) == 1, unsafe PQsendQuery(raw, text) == 1 else {
            unit.answer(.connectionLost(outcomeUnknown: false))
            return loseWithMessage()
        }
        phase = .scripting(unit)
        flush()
    }
}
