import Chassis
import Domain
import FoundationEssentials
import Hummingbird
import NIOCore
import Storage
import Tokens

/// `/api/admin/audit-log` and `/api/admin/consistency`: what was done, and which nodes have it.
struct AuditHandlers: Sendable {
    let parts: AdminParts

    /// Part of the log, newest first; `from`, `to` and `requestId` narrow it.
    ///
    /// With `Accept: application/x-ndjson` all of it instead, oldest first, a JSON object a line.
    func list(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        let page = try request.page(filters: ["from", "to", "requestId"], searches: false)
        let filter = AuditStore.Filter(
            from: try request.instant("from"),
            to: try request.instant("to"),
            requestID: try request.requestIDFilter()
        )
        if let after = page.after, Int(after) == nil {
            throw AdminRefusal.invalid(field: "cursor", "cursor takes what nextCursor said.")
        }
        guard
            request.headers[values: .accept].contains(where: {
                $0.utf8.starts(with: "application/x-ndjson".utf8)
            })
        else {
            return .page("auditLog", try await parts.audit.list(filter, page, in: scope.workspaceID))
        }
        return export(filter, of: scope.workspaceID)
    }

    private func export(_ filter: AuditStore.Filter, of workspaceID: Workspace.ID) -> Response {
        let audit = parts.audit
        let body = ResponseBody { writer in
            var sequence = 0
            while true {
                let items = try await audit.entries(after: sequence, filter, in: workspaceID)
                guard let last = items.last else { break }
                var lines = ""
                for item in items { lines += item.json + "\n" }
                try await writer.write(ByteBuffer(string: lines))
                sequence = Int(last.position) ?? .max
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/x-ndjson"], body: body)
    }

    /// Which live nodes have an epoch: `epoch` (the newest when not given), after waiting `wait` for all to have it.
    func consistency(_ request: Request, _ context: ServiceContext) async throws -> Response {
        let scope = try await parts.scope(request, context, needs: .read)
        try request.checkQuery(taking: ["epoch", "wait"])
        let wait = try request.duration("wait") ?? .zero
        var epoch = 0
        if let text = request.uri.queryParameters["epoch"] {
            guard let number = Int(String(text)), number >= 0 else {
                throw AdminRefusal.invalid(field: "epoch", "epoch takes a whole number.")
            }
            epoch = number
        } else {
            epoch = try await parts.nodes.epoch(of: scope.workspaceID)
        }
        let end = ContinuousClock.now + wait
        var nodes = try await parts.nodes.nodes(of: scope.workspaceID)
        while nodes.contains(where: { ($0.epoch ?? -1) < epoch }), ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(10))
            nodes = try await parts.nodes.nodes(of: scope.workspaceID)
        }
        let (has, missing) = (
            nodes.filter { ($0.epoch ?? -1) >= epoch }, nodes.filter { ($0.epoch ?? -1) < epoch }
        )
        return .json { json in
            json.beginObject()
            json.number("epoch", epoch)
            json.name("isConsistent")
            json.bool(missing.isEmpty)
            for (name, nodes) in [("nodes", has), ("missing", missing)] {
                json.name(name)
                json.beginArray()
                for node in nodes {
                    json.beginObject()
                    json.text("id", node.id.uuidString.asciiLowercased)
                    json.text("service", node.service)
                    json.text("host", node.host)
                    json.optional("epoch", node.epoch)
                    json.instant("appliedAt", node.appliedAt)
                    json.endObject()
                }
                json.endArray()
            }
            json.endObject()
        }
    }
}

extension Request {
    /// The request id in the query, if it is there.
    fileprivate func requestIDFilter() throws -> String? {
        guard let text = uri.queryParameters["requestId"].map({ String($0) }) else { return nil }
        guard (1...64).contains(text.unicodeScalars.count), !text.utf8.contains(0) else {
            throw AdminRefusal.invalid(field: "requestId", "requestId takes 1 to 64 characters.")
        }
        return text
    }

    /// A moment in the query, if it is there.
    fileprivate func instant(_ name: String) throws -> Date? {
        guard let text = uri.queryParameters[name[...]] else { return nil }
        guard let date = WireInstant.read(String(text)) else {
            throw AdminRefusal.invalid(field: name, "\(name) takes a moment such as 2030-01-31T12:00:00Z.")
        }
        return date
    }

    /// A time to wait in the query, `500ms` or `2s`, at most ten seconds.
    fileprivate func duration(_ name: String) throws -> Duration? {
        guard let text = uri.queryParameters[name[...]].map({ String($0) }) else { return nil }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count)
        guard let number = Int(digits), (0...10_000).contains(number),
            unit == "ms" || unit == "s" && number <= 10
        else { throw AdminRefusal.invalid(field: name, "\(name) takes 0ms to 10s, such as 500ms or 2s.") }
        return unit == "s" ? .seconds(number) : .milliseconds(number)
    }
}
