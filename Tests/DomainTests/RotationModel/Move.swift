/// One thing that happens.
enum Move: Hashable {
    case wait
    case ask(ModelState.Request)
    case changePolicy
    case raiseLifetimes
    case beginRaising
    case commitRaising
    case prepare
    case crash
    case commit(String)
    case refused(String, by: Guard)
    case decide
    case commitBlindly(String)
    case write(String)
}

extension Move: CustomStringConvertible {
    var description: String {
        switch self {
        case .wait: "five seconds pass"
        case .ask(let request): "an operator asks: \(request.kind)\(request.key.map { " key \($0)" } ?? "")"
        case .changePolicy: "an operator changes the algorithm"
        case .raiseLifetimes: "an operator raises the lifetime of tokens"
        case .beginRaising: "an operator raises the lifetime of tokens, and has not committed"
        case .commitRaising: "the raise is committed"
        case .prepare: "a worker reads the facts and makes a key"
        case .crash: "a worker dies with the key it made"
        case .commit(let steps): "a worker commits: \(steps)"
        case .refused(let steps, let rule): "\(rule.rawValue) refuses a worker: \(steps)"
        case .decide: "a careless worker reads the facts"
        case .commitBlindly(let steps): "the careless worker commits what it decided: \(steps)"
        case .write(let what): "somebody writes: \(what)"
        }
    }
}
