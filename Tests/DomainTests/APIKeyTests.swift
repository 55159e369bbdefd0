import Domain
import FoundationEssentials
import Testing

@Suite struct `An API key` {
    @Test(
        arguments: [
            (nil, nil, true),
            (after(0.001), nil, true),
            (now, nil, false),
            (before(1), nil, false),
            (nil, before(1), false),
            // Revoked is revoked, whatever the clock of whoever revoked it said.
            (nil, after(60), false),
            (after(60), before(1), false),
        ] as [(Date?, Date?, Bool)]
    )
    func `is live until it expires or is revoked`(_ expiresAt: Date?, _ revokedAt: Date?, _ isLive: Bool) {
        #expect(apiKey(expiresAt: expiresAt, revokedAt: revokedAt).isLive(at: now) == isLive)
    }
}
