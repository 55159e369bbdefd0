import Domain
import Foundation
import Postgres
import Storage
import Testing

@Suite struct `A notification of change` {
    @Test func `is sent apart from the change, empty and on the channel that is listened to`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                let workspace = try await installation.workspace()
                try await AdministrationStore(pool: installation.administration).createGroup(
                    SSOGroup(id: SSOGroup.ID("g"), name: "g"),
                    in: workspace,
                    actor: "tests"
                )
                // Would come before this one if the change had notified.
                try await installation.run("NOTIFY marker")
                #expect(await events.next() == "marker")
                try await ChangeNotifier.send(over: installation.administration)
                #expect(await events.next() == ChangeStore.channel)
            }
        }
    }

    @Test func `is sent by each service's role`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                for role in ServiceRole.allCases {
                    try await ChangeNotifier.send(over: installation.pool(as: role))
                    #expect(await events.next() == ChangeStore.channel)
                }
            }
        }
    }

    @Test func `goes out soon after it is asked for`() async throws {
        try await withInstallation { installation in
            try await withListener(on: installation) { events in
                let notifier = ChangeNotifier(pool: installation.administration, logger: quiet)
                let running = Task { try await notifier.run() }
                for _ in 0..<3 {
                    for _ in 0..<100 { notifier.tell() }
                    #expect(await events.next() == ChangeStore.channel)
                }
                running.cancel()
                try await running.value
            }
        }
    }
}

/// The notifications of one listener, as the names of their channels.
private final class Notifications {
    private var events: PostgresEvents.Iterator

    init(_ events: PostgresEvents) {
        self.events = events.makeAsyncIterator()
    }

    func next() async -> String? {
        while let event = await events.next() {
            if case .notification(let channel) = event { return channel }
        }
        return nil
    }

    func begin() async {
        while let event = await events.next(), event != .resync {}
    }
}

private func withListener(
    on installation: Installation,
    _ body: (Notifications) async throws -> Void
) async throws {
    let settings = PostgresSettings(url: installation.url, applicationName: "tests")
    let listener = try PostgresListener(
        patient(settings),
        channels: [ChangeStore.channel, "marker"],
        logger: quiet
    )
    let running = Task { try await listener.run() }
    let notifications = Notifications(listener.events)
    await notifications.begin()
    do {
        try await body(notifications)
        running.cancel()
        try await running.value
    } catch {
        running.cancel()
        try await running.value
        throw error
    }
}
