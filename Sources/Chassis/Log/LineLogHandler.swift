package import Logging

/// A swift-log handler that writes each event as one line of text or JSON.
///
/// Fields are sorted by key; those of the event win over those of the logger, and both over the provider's.
package struct LineLogHandler: LogHandler {
    /// The values every line carries.
    package var metadata: Logger.Metadata = [:]
    /// Values computed for each line, from the task for instance.
    package var metadataProvider: Logger.MetadataProvider?
    /// The least severe level that is written.
    package var logLevel: Logger.Level

    private let sink: LogSink
    private let format: LogFormat

    /// Writes lines of one format to one sink.
    package init(
        sink: LogSink,
        format: LogFormat,
        level: Logger.Level,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.sink = sink
        self.format = format
        self.metadataProvider = metadataProvider
        logLevel = level
    }

    /// The value of one key that every line carries.
    package subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line; costs a few microseconds and one `write`.
    package func log(event: LogEvent) {
        var line = LogLine(format, level: event.level, message: event.message.description, at: .now)
        for (key, value) in fields(of: event) {
            line.add(key, value)
        }
        sink.write(line.finished())
    }

    /// All values of one line, sorted by key; an array, because merging dictionaries costs more than the
    /// rest.
    private func fields(of event: LogEvent) -> [(key: String, value: Logger.MetadataValue)] {
        let own = event.metadata ?? [:]
        let provided = metadataProvider?.get() ?? [:]
        var fields: [(key: String, value: Logger.MetadataValue)] = []
        fields.reserveCapacity(own.count + metadata.count + provided.count + 1)
        for field in own { fields.append(field) }
        for field in metadata where own[field.key] == nil { fields.append(field) }
        for field in provided where own[field.key] == nil && metadata[field.key] == nil {
            fields.append(field)
        }
        if let error = event.error, own[LogKey.error.rawValue] == nil {
            fields.append((LogKey.error.rawValue, .string("\(error)")))
        }
        fields.sort { $0.key < $1.key }
        return fields
    }
}
