/// A text that never prints itself: descriptions, reflection and interpolation show a placeholder.
package struct Secret: Sendable, Equatable {
    private let text: String

    /// Wraps a text that must not reach a log, an error or a command line.
    package init(_ text: String) {
        self.text = text
    }

    /// The wrapped text, for handing to the one library that needs it.
    package func reveal() -> String {
        text
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// A fixed placeholder.
    package var description: String { "<secret>" }

    /// A fixed placeholder.
    package var debugDescription: String { description }

    /// A mirror without children, so that `dump` shows nothing either.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
