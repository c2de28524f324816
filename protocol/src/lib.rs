//! RocketMQ's bytes and their meaning: no async, no I/O.
//!
//! Two halves. The bytes: [`frame`] cuts a stream into [`Command`]s, [`record`] is one stored
//! message, the same bytes in the commit log and in the body of a pull answer. The meaning:
//! [`request`], [`response`] and [`body`] name what the header fields and the bodies of each
//! [`code`] hold. Start reading at [`frame`].
//!
//! Everything here is read from an untrusted peer or disk: nothing panics on it, everything has a
//! limit ([`limits`]), and every refusal is a typed error that holds the value and the limit.
//!
//! All integers are big-endian, all text is UTF-8. Compatible with Apache RocketMQ 5.5.0.

pub mod batch;
pub mod body;
pub mod code;
mod command;
pub mod compress;
mod fields;
pub mod frame;
pub mod ha;
mod header;
mod header_binary;
mod header_json;
pub mod json;
mod known;
mod language;
pub mod limits;
pub mod message_id;
pub mod names;
pub mod permission;
pub mod properties;
pub mod properties_file;
pub mod record;
pub mod request;
pub mod response;
mod scan;
mod seek;
pub mod sys_flag;
mod text;
mod version;

pub use code::{Language, OUR_VERSION, RequestCode, ResponseCode};
pub use command::{Command, FLAG_ONEWAY, FLAG_RESPONSE, Serialization};
pub use fields::Fields;
pub use header::FieldError;
pub use header_binary::BinaryHeaderError;
pub use header_json::JsonHeaderError;
pub use scan::ScanError;
pub use text::{NotUtf8, Text};
