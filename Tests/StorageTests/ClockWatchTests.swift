import Foundation
import Storage
import Testing

@Suite struct `The watch over our clock` {
    private let wall = Date(timeIntervalSince1970: 1_800_000_000)
    private let started = ContinuousClock.now

    /// A watch that has seen the database `behind` seconds behind us.
    private func watch(behind: TimeInterval, taking: Duration = .milliseconds(2)) -> ClockWatch {
        let watch = ClockWatch()
        let database = wall.addingTimeInterval(-behind - taking / .seconds(1) / 2)
        watch.note(database, asked: started, wall: wall, monotonic: started + taking)
        return watch
    }

    @Test func `knows nothing before the first look`() {
        #expect(ClockWatch().ahead(wall: wall, monotonic: started) == nil)
        #expect(ClockWatch().isRight)
        #expect(ClockWatch().reason == nil)
    }

    @Test(arguments: [0.0, 12, -12, 3_600, -86_400])
    func `takes the middle of the question as the database's moment`(behind: TimeInterval) throws {
        let ahead = try #require(
            watch(behind: behind).ahead(wall: wall, monotonic: started + .milliseconds(2))
        )
        #expect(abs(ahead - behind) < 0.001)
    }

    @Test(arguments: [3_600.0, -3_600, 31])
    func `sees a step at once, by the monotonic clock`(step: TimeInterval) throws {
        let watch = watch(behind: 0)
        let later = wall.addingTimeInterval(1 + step)
        let ahead = try #require(watch.ahead(wall: later, monotonic: started + .milliseconds(1_002)))
        #expect(abs(ahead - step) < 0.001)
    }

    @Test func `a slow answer says nothing about the clock`() {
        #expect(watch(behind: 50, taking: .seconds(3)).ahead(wall: wall, monotonic: started) == nil)
    }

    @Test func `says which way the clock is wrong`() {
        let watch = ClockWatch()
        watch.note(Date().addingTimeInterval(-3_600), asked: .now, wall: Date(), monotonic: .now)
        #expect(watch.reason == "the clock is 3600 s ahead of the database's" && !watch.isRight)
        watch.note(Date().addingTimeInterval(3_605), asked: .now, wall: Date(), monotonic: .now)
        #expect(watch.reason?.hasSuffix("behind the database's") == true)
        watch.note(Date().addingTimeInterval(29), asked: .now, wall: Date(), monotonic: .now)
        #expect(watch.reason == nil && watch.isRight)
    }
}
