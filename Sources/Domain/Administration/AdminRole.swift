/// What an admin token may do.
package enum AdminRole: String, CaseIterable, Hashable, Sendable {
    /// Everything, admin tokens and the workspace itself included.
    case owner
    /// Everything but admin tokens and the workspace itself.
    case admin
    /// Look.
    case viewer
}
