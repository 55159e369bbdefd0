import Testing

@testable import Postgres

private typealias State = PipelineState<Int>

@Suite
struct `the pipeline's state` {
    /// A unit of which `executes` statements were sent, the first `prepares` of them prepared with it.
    private func send(_ unit: Int, prepares: [Int] = [], executes: Int, into state: inout State) {
        state.begin(unit)
        for number in prepares { state.sent(.prepare(number)) }
        for _ in 0..<executes { state.sent(.execute) }
        state.sent(.sync)
    }

    private func meanings(_ answers: [State.Answer], _ state: inout State) -> [State.Meaning] {
        answers.map { state.received($0) }
    }

    @Test func `gives each result to the unit that asked`() {
        var state = State()
        send(1, executes: 2, into: &state)
        send(2, executes: 1, into: &state)
        #expect(
            meanings([.success, .end, .success, .end, .sync], &state)
                == [.result, .nothing, .result, .nothing, .finished]
        )
        #expect(state.finish() == 1)
        #expect(meanings([.success, .end, .sync], &state) == [.result, .nothing, .finished])
        #expect(state.finish() == 2)
        #expect(!state.isBusy)
    }

    @Test(arguments: 0..<5)
    func `skips what follows a failure, up to the unit's own sync`(position: Int) {
        var state = State()
        send(1, executes: 5, into: &state)
        send(2, executes: 1, into: &state)
        var answers: [State.Answer] = []
        var expected: [State.Meaning] = []
        for index in 0..<5 {
            answers += [index < position ? .success : index == position ? .failure : .skipped, .end]
            expected += [index < position ? .result : index == position ? .failure : .nothing, .nothing]
        }
        #expect(meanings(answers + [.sync], &state) == expected + [.finished])
        #expect(state.finish() == 1)
        #expect(meanings([.success, .end, .sync], &state) == [.result, .nothing, .finished])
    }

    @Test func `knows what was not prepared and why`() {
        var state = State()
        send(1, prepares: [7, 8], executes: 1, into: &state)
        #expect(
            meanings([.failure, .end, .skipped, .end, .skipped, .end, .sync], &state)
                == [
                    .notPrepared(7, isCause: true), .nothing, .notPrepared(8, isCause: false), .nothing,
                    .nothing, .nothing, .finished,
                ]
        )
    }

    @Test func `a prepared statement has no result of its own`() {
        var state = State()
        send(1, prepares: [7], executes: 1, into: &state)
        #expect(
            meanings([.success, .end, .success, .end, .sync], &state)
                == [.prepared(7), .nothing, .result, .nothing, .finished]
        )
    }

    @Test(arguments: [
        [PipelineState<Int>.Answer.success],
        [.sync],
        [.end],
    ])
    func `refuses an answer to nothing`(answers: [PipelineState<Int>.Answer]) {
        var state = State()
        #expect(meanings(answers, &state) == [.outOfStep])
    }

    @Test(arguments: [
        [PipelineState<Int>.Answer.sync],
        [.end],
        [.success, .success],
        [.success, .sync],
        [.success, .end, .success],
        [.success, .end, .end],
    ])
    func `refuses answers out of order`(answers: [PipelineState<Int>.Answer]) {
        var state = State()
        send(1, executes: 1, into: &state)
        #expect(meanings(answers, &state).last == .outOfStep)
    }
}

@Suite
struct `prepared statements of a connection` {
    private let text = StatementText.of("SELECT 'prepared statements of a connection'", types: [])

    @Test func `are known once sent, and forgotten when refused`() {
        var prepared = PreparedStatements()
        #expect(!prepared.contains(text))
        #expect(prepared.name(of: text) == text.name)
        prepared.insert(text)
        #expect(prepared.contains(text))
        prepared.remove(text.number)
        #expect(!prepared.contains(text))
        #expect(prepared.name(of: text) == text.name)
    }

    @Test func `get another name when their plan is out of date`() {
        var prepared = PreparedStatements()
        prepared.insert(text)
        prepared.outdate(text.number)
        #expect(!prepared.contains(text))
        #expect(prepared.name(of: text) == text.name + "_2")
        prepared.insert(text)
        #expect(prepared.contains(text))
        #expect(prepared.name(of: text) == text.name + "_2")
    }

    @Test func `share a number when text and types are the same`() {
        #expect(StatementText.of(text.sql, types: []).number == text.number)
        #expect(StatementText.of(text.sql, types: [20]).number != text.number)
    }
}

@Suite
struct `a ring buffer` {
    @Test func `keeps its order while it grows and wraps`() {
        var buffer = RingBuffer<Int>()
        var expected: [Int] = []
        for number in 0..<1_000 {
            buffer.append(number)
            expected.append(number)
            if number % 3 == 0 { #expect(buffer.popFirst() == expected.removeFirst()) }
        }
        #expect(buffer.removeAll { $0 % 2 == 0 } == expected.filter { $0 % 2 == 0 })
        #expect((0..<buffer.count).map { buffer[$0] } == expected.filter { $0 % 2 == 1 })
    }
}
