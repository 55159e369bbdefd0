/// The identity of one kind of thing, so that a workspace's id is never taken for an app's.
///
/// `Subject` is the type it names; `Raw` is how it is stored. Equality is that of the raw value.
package struct Identifier<Subject, Raw: Hashable & Sendable>: Hashable, Sendable {
    package let raw: Raw

    package init(_ raw: Raw) {
        self.raw = raw
    }
}
