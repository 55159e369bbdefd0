/// The number by which PostgreSQL knows a type.
package struct PostgresType: Hashable, Sendable {
    /// Its object identifier in `pg_type`.
    package let oid: UInt32

    package init(oid: UInt32) {
        self.oid = oid
    }
}

extension PostgresType {
    /// The type `bool`.
    package static let bool = PostgresType(oid: 16)
    /// The type `bytea`.
    package static let bytea = PostgresType(oid: 17)
    /// The type `char`.
    package static let char = PostgresType(oid: 18)
    /// The type `name`.
    package static let name = PostgresType(oid: 19)
    /// The type `int8`.
    package static let int8 = PostgresType(oid: 20)
    /// The type `int2`.
    package static let int2 = PostgresType(oid: 21)
    /// The type `int4`.
    package static let int4 = PostgresType(oid: 23)
    /// The type `text`.
    package static let text = PostgresType(oid: 25)
    /// The type `objectIdentifier`.
    package static let objectIdentifier = PostgresType(oid: 26)
    /// The type `xid`.
    package static let xid = PostgresType(oid: 28)
    /// The type `json`.
    package static let json = PostgresType(oid: 114)
    /// The type `float4`.
    package static let float4 = PostgresType(oid: 700)
    /// The type `float8`.
    package static let float8 = PostgresType(oid: 701)
    /// The type `unknown`.
    package static let unknown = PostgresType(oid: 705)
    /// The type `int8Array`.
    package static let int8Array = PostgresType(oid: 1_016)
    /// The type `textArray`.
    package static let textArray = PostgresType(oid: 1_009)
    /// The type `bpchar`.
    package static let bpchar = PostgresType(oid: 1_042)
    /// The type `varchar`.
    package static let varchar = PostgresType(oid: 1_043)
    /// The type `date`.
    package static let date = PostgresType(oid: 1_082)
    /// The type `timestamp`.
    package static let timestamp = PostgresType(oid: 1_114)
    /// The type `timestamptz`.
    package static let timestamptz = PostgresType(oid: 1_184)
    /// The type `uuid`.
    package static let uuid = PostgresType(oid: 2_950)
    /// The type `uuidArray`.
    package static let uuidArray = PostgresType(oid: 2_951)
    /// The type `jsonb`.
    package static let jsonb = PostgresType(oid: 3_802)
    /// The type `xid8`.
    package static let xid8 = PostgresType(oid: 5_069)

    /// Whether the type was made in this database rather than built in: an enum, a domain, an extension's.
    var isUserDefined: Bool { oid >= 16_384 }
}
