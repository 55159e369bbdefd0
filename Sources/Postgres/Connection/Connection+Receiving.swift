internal import CLibPQ

/// What comes from libpq, and whose it is.
extension Connection {
    func socketReady(writable: Bool) {
        guard isOpen else { return }
        // A TLS record may hold more than one read takes, and the socket is not readable again for the rest.
        for _ in 0..<(usesTLS ? 3 : 1) {
            guard unsafe PQconsumeInput(raw) == 1 else {
                receive()
                if isOpen { loseWithMessage() }
                return
            }
            receive()
            guard isOpen else { return }
        }
        if isBlocked { flush() }
    }

    func receive() {
        if case .scripting(let unit) = phase { receiveScript(unit) }
        while isOpen, pipeline.isBusy, unsafe PQisBusy(raw) == 0 {
            if let result = unsafe PQgetResult(raw) {
                unsafe receive(result)
            } else {
                _ = unsafe understand(.end, nil)
                // Nothing under way for libpq and something for us would repeat for ever.
                if isOpen, unsafe PQstatus(raw) == CONNECTION_BAD { loseWithMessage() }
            }
        }
        guard isOpen else { return }
        while let notification = unsafe PQnotifies(raw) {
            let channel = unsafe String(cString: notification.pointee.relname)
            unsafe PQfreemem(notification)
            owner?.connection(self, notifiedOn: channel)
        }
        if isOpen, unsafe PQstatus(raw) == CONNECTION_BAD { loseWithMessage() }
    }

    func receive(_ result: OpaquePointer) {
        let answer: PipelineState<PipelineUnit>.Answer? =
            switch unsafe PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: .success
            case PGRES_PIPELINE_SYNC: .sync
            case PGRES_PIPELINE_ABORTED: .skipped
            case PGRES_FATAL_ERROR: .failure
            default: nil
            }
        guard let answer else {
            unsafe PQclear(result)
            return lose("the server began a protocol that was not asked for")
        }
        if unsafe understand(answer, result) == false { unsafe PQclear(result) }
    }

    /// Does what an answer means; true when the result has a new owner.
    func understand(_ answer: PipelineState<PipelineUnit>.Answer, _ result: OpaquePointer?) -> Bool {
        let meaning = pipeline.received(answer)
        let unit = pipeline.units.first
        switch meaning {
        case .nothing:
            return false
        case .result:
            guard let result = unsafe result, let unit else { return false }
            unsafe unit.take(result)
            return true
        case .failure:
            if let result = unsafe result { unsafe fail(unit, ServerError(result: result)) }
        case .prepared(let number):
            refusals[number] = nil
        case .notPrepared(let number, let isCause):
            prepared.remove(number)
            if isCause, let result = unsafe result {
                let error = unsafe ServerError(result: result)
                refusals[number] = error
                fail(unit, error)
            }
        case .finished:
            if let unit = pipeline.finish() { finish(unit) }
        case .outOfStep:
            lose("the server answered what was not asked")
        }
        return false
    }

    func fail(_ unit: PipelineUnit?, _ error: ServerError) {
        if error.isFatal { fatal = error }
        // libpq makes such a result up when the connection breaks; that is no refusal of the statement.
        guard unsafe PQstatus(raw) != CONNECTION_BAD, !error.isFatal else { return }
        unit?.note(.server(error))
    }

    func finish(_ unit: PipelineUnit) {
        if needsPreparingAgain(unit) {
            unit.reset()
            outbox.append(unit)
            planSend()
        } else {
            unit.answer()
            tellFinished(unit)
        }
        if !outbox.isEmpty { planSend() }
        liftFenceWhenDrained()
    }

    /// A unit that is sent beside the others, to validate the connection, is not its owner's to count.
    func tellFinished(_ unit: PipelineUnit) {
        unit.connection = nil
        if unit.onAnswer == nil { owner?.connectionFinishedUnit(self) }
    }

    /// Whether the unit failed only because the session's prepared statements are not what they were.
    ///
    /// The server has undone all of it, so outside an explicit transaction it can simply be sent again.
    func needsPreparingAgain(_ unit: PipelineUnit) -> Bool {
        guard !unit.isAnswered,
            case .server(let error)? = unit.failure,
            case .statements(let calls) = unit.content
        else { return false }
        switch error.sqlState {
        case .invalidStatementName:
            // Sent behind a statement that could not be prepared: that reason is this one's too.
            if let refusal = calls.lazy.compactMap({ self.refusals[$0.text.number] }).first {
                unit.correct(.server(refusal))
                return false
            }
            prepared.outdateAll()
        case .featureNotSupported where error.message.contains("cached plan"):
            for call in calls { prepared.outdate(call.text.number) }
        default:
            return false
        }
        return unit.repetitions < 3 && unit.commits
    }

    func receiveScript(_ unit: PipelineUnit) {
        while unsafe PQisBusy(raw) == 0 {
            guard let result = unsafe PQgetResult(raw) else {
                guard unsafe PQstatus(raw) != CONNECTION_BAD else { return loseWithMessage() }
                phase = .pipelining
                unsafe PQenterPipelineMode(raw)
                unit.answer()
                tellFinished(unit)
                liftFenceWhenDrained()
                return planSend()
            }
            defer { unsafe PQclear(result) }
            switch unsafe PQresultStatus(result) {
            case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: break
            case PGRES_FATAL_ERROR: unsafe fail(unit, ServerError(result: result))
            default: return lose("a script may not copy from or to the client")
            }
        }
    }
}
