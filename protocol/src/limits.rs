//! Every limit of the wire, in one place.
//!
//! Source: remoting/netty/NettyDecoder.java, store/config/MessageStoreConfig.java,
//! common/topic/TopicValidator.java; the ones marked ours have no equal in Java, which would run
//! out of memory or stack instead.

/// A whole frame, its length prefix included.
pub const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The smallest frame: an empty header and no body.
pub const FRAME_BYTES_MIN: usize = 8;
/// The header length has 24 bits in the frame.
pub const HEADER_BYTES_MAX: usize = 0x00FF_FFFF;
/// Header fields of one command. Ours: Java's largest header has 21.
pub const FIELDS_MAX: usize = 256;
/// Objects in objects of a JSON header. Ours.
pub const HEADER_DEPTH_MAX: usize = 64;
/// A name in a binary header has a 16-bit signed length.
pub const FIELD_NAME_BYTES_MAX: usize = 0x7FFF;

/// The body of a message, by default (`maxMessageSize`).
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What a record may hold beyond its body.
pub const RECORD_OVERHEAD_BYTES_MAX: usize = 64 * 1024;
/// A record whose sizes we are asked to believe: the greatest message Java can be configured to.
pub const RECORD_BYTES_MAX: usize = 0x7FFF_FFFF;
/// The text of all properties of a message: a signed 16-bit length.
pub const PROPERTIES_BYTES_MAX: usize = 0x7FFF;
/// A topic with a one-byte, signed length: the first version of the record.
pub const TOPIC_BYTES_MAX_V1: usize = 0x7F;
/// A topic with a two-byte, signed length: the second version of the record.
pub const TOPIC_BYTES_MAX_V2: usize = 0x7FFF;
/// What a compressed body may unfold to, unless the caller says otherwise. Ours.
pub const UNCOMPRESSED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The bytes of one transfer to a slave: with its head it fits a Java slave's buffer of 4 MiB.
pub const TRANSFER_BYTES_MAX: usize = 4 * 1024 * 1024 - 12;

/// Characters in a topic.
pub const TOPIC_CHARS_MAX: usize = 127;
/// Characters in a retry or dead letter topic: its group's name and a prefix.
pub const RETRY_TOPIC_CHARS_MAX: usize = 255;
/// Characters in a group.
pub const GROUP_CHARS_MAX: usize = 120;

const _: () = assert!(BODY_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(HEADER_BYTES_MAX < FRAME_BYTES_MAX);
const _: () = assert!(PROPERTIES_BYTES_MAX + RETRY_TOPIC_CHARS_MAX < RECORD_OVERHEAD_BYTES_MAX);
const _: () = assert!(TOPIC_CHARS_MAX <= TOPIC_BYTES_MAX_V1);
const _: () = assert!(RETRY_TOPIC_CHARS_MAX <= TOPIC_BYTES_MAX_V2);
