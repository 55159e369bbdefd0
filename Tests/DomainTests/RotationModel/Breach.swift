/// What must never be.
enum Breach: String, Hashable {
    case refusedToken = "a relying party that honours max-age has not the key of a token that is good"
    case lostToken = "a relying party that fetches for unknown names has not the key of a token that is good"
    case acceptedLeak = "a service accepts a key of which its view says that it was compromised"
    case noSigner = "a service has no key to sign with"
    case twoSigners = "two keys sign by one view at one moment"
    case sharedInstant = "two keys begin to sign at one instant, and either may be taken for the signer"
    case keptPrivateHalf = "a private half outlives a visit of the worker after it was needed last"
    case restoredPrivateHalf = "a private half that was erased is there again"
    case lostPrivateHalf = "a private half is gone while a clock that is behind still asks for it"
    case refusedWorker = "the database refuses what the worker planned from what it sees"
}
