import Domain
import FoundationEssentials
import Postgres

/// The columns of a user, in this order.
enum UserRow {
    static let columns = "id, email, email_verified, name, image, status, created_at, updated_at"

    static func decode(_ row: inout RowReader) throws(RowDecodingError) -> User {
        User(
            id: User.ID(try row.next(UUID.self)),
            email: try row.next(String.self),
            emailVerified: try row.next(Bool.self),
            name: try row.next(String.self),
            image: try row.next(String?.self),
            status: try row.next(User.Status.self),
            createdAt: try row.next(Date.self),
            updatedAt: try row.next(Date.self)
        )
    }
}
