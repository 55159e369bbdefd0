import Domain
import FoundationEssentials
import Storage

/// Every workspace, its keys with their states, and what happens next and when: columns for people.
struct StatusTable {
    private static let header = ["WORKSPACE", "KEY", "KIND", "STATE", "SINCE", "NEXT", "WHEN"]

    private let rows: [[String]]

    init(_ workspaces: [KeyFacts], showsGone: Bool) {
        rows = workspaces.flatMap { facts in
            let keys = facts.rotation.keys.filter { showsGone || !$0.isGone(at: facts.rotation.now) }
            let lines = keys.map { Self.line($0, at: facts.rotation.now) }
            let first = [facts.slug] + Self.summary(of: facts)
            return [first] + lines
        }
    }

    /// The table, each column as wide as its widest value.
    var text: String {
        let all = [Self.header] + rows
        let widths = Self.header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let padded = zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - text.count)
            }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    /// The workspace's own line: its policy, and what the worker does next.
    private static func summary(of facts: KeyFacts) -> [String] {
        let rotation = facts.rotation
        let plan = RotationPlan.of(rotation)
        let policy = rotation.policy
        let kind = policy.algorithm == .rs256 ? "RS256 \(policy.rsaBits)" : policy.algorithm.rawValue
        let every = "every \(span(TimeInterval(policy.interval))), \(span(TimeInterval(policy.lead))) ahead"
        let next =
            switch plan.next {
            case _ where !rotation.requests.isEmpty: "requests to answer: \(rotation.requests.count)"
            case .key: "a key is due"
            case .rotation: "the next key signs"
            case .erasure: "a private half is erased"
            case .look: rotation.keys.standby(at: rotation.now) == nil ? "a key is due" : "rotation"
            }
        let turn = rotation.keys.standby(at: rotation.now)?.activatesAt
        let when = plan.next == .look || plan.next == .rotation ? turn ?? plan.nextAt : plan.nextAt
        return [every, kind, "", "", next, moment(when, from: rotation.now)]
    }

    private static func line(_ key: SigningKeyRecord, at now: Date) -> [String] {
        let state = key.state(at: now)
        let (since, next, when): (Date?, String, Date?) =
            switch state {
            case .staged: (key.publishedAt, key.willSign(from: now) ? "signs" : "withdrawn", key.activatesAt)
            case .active: (key.activatesAt, key.retiresAt == nil ? "" : "stops signing", key.retiresAt)
            case .retiring: (key.retiresAt, key.expiresAt == nil ? "" : "is gone", key.expiresAt)
            case .retired: (key.expiresAt, "", nil)
            case .compromised: (key.compromisedAt, "", nil)
            }
        let size = key.rsaBits.map { " \($0)" } ?? ""
        let mark = key.haste == .emergency ? " (emergency)" : ""
        return [
            "", key.kid, key.algorithm.rawValue + size, state.rawValue + mark,
            since.map { $0.ISO8601Format() } ?? "", next, when.map { moment($0, from: now) } ?? "",
        ]
    }

    private static func moment(_ instant: Date, from now: Date) -> String {
        let seconds = instant.timeIntervalSince(now)
        return seconds <= 0 ? "now" : "\(instant.ISO8601Format()) (in \(span(seconds)))"
    }

    private static func span(_ seconds: TimeInterval) -> String {
        let whole = Int(seconds)
        switch whole {
        case ..<120: return "\(whole) s"
        case ..<7_200: return "\(whole / 60) min"
        case ..<172_800: return "\(whole / 3_600) h"
        default: return "\(whole / 86_400) d"
        }
    }
}

extension SigningKeyRecord {
    /// Whether nothing is to be expected of it any more.
    fileprivate func isGone(at now: Date) -> Bool {
        switch state(at: now) {
        case .retired: true
        case .compromised: compromisedAt.map { now.timeIntervalSince($0) > 2_592_000 } ?? true
        case .staged, .active, .retiring: false
        }
    }
}
