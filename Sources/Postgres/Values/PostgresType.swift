/// The number by which PostgreSQL knows a type.
package struct PostgresType: Hashable, Sendable {
    package let oid: UInt32

    package init(oid: UInt32) {
        self.oid = oid
    }
}

extension PostgresType {
    package static let bool = PostgresType(oid: 16)
    package static let bytea = PostgresType(oid: 17)
    package static let char = PostgresType(oid: 18)
    package static let name = PostgresType(oid: 19)
    package static let int8 = PostgresType(oid: 20)
    package static let int2 = PostgresType(oid: 21)
    package static let int4 = PostgresType(oid: 23)
    package static let text = PostgresType(oid: 25)
    package static let objectIdentifier = PostgresType(oid: 26)
    package static let xid = PostgresType(oid: 28)
    package static let json = PostgresType(oid: 114)
    package static let float4 = PostgresType(oid: 700)
    package static let float8 = PostgresType(oid: 701)
    package static let unknown = PostgresType(oid: 705)
    package static let int8Array = PostgresType(oid: 1_016)
    package static let textArray = PostgresType(oid: 1_009)
    package static let bpchar = PostgresType(oid: 1_042)
    package static let varchar = PostgresType(oid: 1_043)
    package static let date = PostgresType(oid: 1_082)
    package static let timestamp = PostgresType(oid: 1_114)
    package static let timestamptz = PostgresType(oid: 1_184)
    package static let uuid = PostgresType(oid: 2_950)
    package static let uuidArray = PostgresType(oid: 2_951)
    package static let jsonb = PostgresType(oid: 3_802)
    package static let xid8 = PostgresType(oid: 5_069)

    /// Whether the type was made in this database rather than built in: an enum, a domain, an extension's.
    var isUserDefined: Bool { oid >= 16_384 }
}
