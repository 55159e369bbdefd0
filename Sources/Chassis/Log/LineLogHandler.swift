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
        var fields = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty {
            fields.merge(provided) { own, _ in own }
        }
        if let own = event.metadata {
            fields.merge(own) { _, new in new }
        }
        if let error = event.error {
            fields[LogKey.error.rawValue] = .string("\(error)")
        }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line.add(key, value)
        }
        sink.write(line.finished())
    }
}
