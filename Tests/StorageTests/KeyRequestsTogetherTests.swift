import Domain
import Foundation
import Storage
import Testing

/// What operators ask before a worker has seen to the first of it, and what the database must not refuse for it.
@Suite struct `Requests that come together` {
    enum Asked: Sendable {
        case rotate, rotateAtOnce, compromiseSigner, compromiseStandby

        func wish(_ keys: [SigningKeyRecord]) -> KeyRequest.Wish {
            switch self {
            case .rotate: .rotate
            case .rotateAtOnce: .rotateAtOnce
            case .compromiseSigner: .compromise(kid: keys[0].kid)
            case .compromiseStandby: .compromise(kid: keys[1].kid)
            }
        }
    }

    @Test(
        arguments: [
            [.compromiseStandby], [.compromiseSigner, .compromiseStandby],
            [.compromiseStandby, .compromiseSigner],
            [.rotateAtOnce, .rotateAtOnce], [.rotateAtOnce, .compromiseSigner],
            [.compromiseStandby, .rotateAtOnce],
            [.rotate, .rotateAtOnce], [.rotate, .rotate], [.rotate, .compromiseSigner, .compromiseStandby],
        ] as [[Asked]]
    )
    func `are all done, and leave a key that signs and its standby`(_ asked: [Asked]) async throws {
        try await withInstallation { installation in
            let workspace = try await atRest(installation)
            let keys = try await loaded(installation, workspace)
            var requests: [KeyRequest.ID] = []
            for one in asked { requests.append(try await ask(one.wish(keys), installation, workspace)) }
            var next: RotationPlan.Next?
            for _ in 0..<6 where next == nil || next == .key {
                next = try await carryOut(installation, workspace)?.plan.next
            }
            #expect(next != .key)
            let store = KeyRequestStore(pool: installation.administration)
            for request in requests {
                #expect(try await store.progress(of: request, in: workspace)?.outcome == .done)
            }
            let after = try await loaded(installation, workspace)
            #expect(after.signer(at: Date()) != nil)
            #expect(after.standby(at: Date()) != nil)
        }
    }
}
