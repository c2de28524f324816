//! The bits of a message's system flag, and of a pull's.
//!
//! ```text
//!  bit 0        1       2-3           4           5            6        7         8-10
//!  | compressed | multi | transaction | born host | store host | needs  | is an   | compression |
//!  |            | tags  |             | is IPv6   | is IPv6    | unwrap | inner   | kind        |
//!  |            |       |             |           |            |        | batch   |             |
//! ```
//!
//! Source: common/sysflag/{MessageSysFlag, PullSysFlag}.java.

/// The body is compressed.
pub const COMPRESSED: i32 = 1;
/// The message has several tags.
pub const MULTI_TAGS: i32 = 1 << 1;
/// Not part of a transaction.
pub const TRANSACTION_NOT: i32 = 0;
/// The first half of a transaction.
pub const TRANSACTION_PREPARED: i32 = 1 << 2;
/// The message of a committed transaction.
pub const TRANSACTION_COMMIT: i32 = 2 << 2;
/// The mark of a rolled-back transaction; also the mask of both bits.
pub const TRANSACTION_ROLLBACK: i32 = 3 << 2;
/// The born host has 16 bytes.
pub const BORN_HOST_V6: i32 = 1 << 4;
/// The store host has 16 bytes.
pub const STORE_HOST_V6: i32 = 1 << 5;
/// The consumer's client unfolds the body into messages.
pub const NEEDS_UNWRAP: i32 = 1 << 6;
/// The body is a batch stored as one record.
pub const INNER_BATCH: i32 = 1 << 7;
/// The body is compressed with LZ4.
pub const COMPRESSION_LZ4: i32 = 1 << 8;
/// The body is compressed with Zstandard.
pub const COMPRESSION_ZSTD: i32 = 2 << 8;
/// The body is compressed with zlib; so it is when all three bits are 0.
pub const COMPRESSION_ZLIB: i32 = 3 << 8;
/// The bits of the compression kind.
pub const COMPRESSION_MASK: i32 = 7 << 8;

/// The transaction bits of `flag`: one of the four `TRANSACTION_` constants.
pub const fn transaction(flag: i32) -> i32 {
    flag & TRANSACTION_ROLLBACK
}

/// `flag` with other transaction bits.
pub const fn with_transaction(flag: i32, transaction: i32) -> i32 {
    (flag & !TRANSACTION_ROLLBACK) | transaction
}

/// Whether any of `bits` is set in `flag`.
pub const fn has(flag: i32, bits: i32) -> bool {
    flag & bits != 0
}

/// Bits of the `sysFlag` of a pull request.
pub mod pull {
    /// The request also commits the offset it carries.
    pub const COMMIT_OFFSET: i32 = 1;
    /// The request may wait at the broker.
    pub const SUSPEND: i32 = 1 << 1;
    /// The request carries its subscription.
    pub const SUBSCRIPTION: i32 = 1 << 2;
    /// A class filters on the client's side.
    pub const CLASS_FILTER: i32 = 1 << 3;
    /// A lite pull consumer asks.
    pub const LITE_PULL: i32 = 1 << 4;
}
