//! Compressed bodies.
//!
//! Which kind it is stands in three bits of the system flag ([`crate::sys_flag`]); senders before
//! RocketMQ 5 leave them 0 and mean zlib. zlib is RFC 1950, LZ4 and Zstandard are their frame
//! formats. Whatever is unfolded has a limit, because a few bytes can unfold to anything.
//!
//! Zstandard is written at its fastest level, whatever is asked for: the encoder has no other.
//!
//! Source: common/compression/*.java, common/UtilAll.java compress and uncompress.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{read::ZlibDecoder, write::ZlibEncoder};
use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::sys_flag::{
    COMPRESSED, COMPRESSION_LZ4, COMPRESSION_MASK, COMPRESSION_ZLIB, COMPRESSION_ZSTD,
};

/// The level Java compresses with unless told otherwise.
pub const DEFAULT_LEVEL: u32 = 5;
/// Memory that a Zstandard frame may ask for to look back into, beyond the limit on its output.
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// More than that is not set aside before anything was unfolded.
const FIRST_RESERVE_BYTES: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
    /// zlib.
    Zlib,
}

/// Why a body cannot be compressed or unfolded.
#[derive(Debug, thiserror::Error)]
pub enum CompressError {
    /// A kind that no version of RocketMQ knows.
    #[error("unknown compression kind {kind}; known are 1 (LZ4), 2 (Zstandard), 3 and 0 (zlib)")]
    UnknownKind {
        /// The three bits.
        kind: i32,
    },
    /// More than the limit comes out.
    #[error("{compression:?} unfolds to more than the limit of {limit_bytes} bytes")]
    TooLong {
        /// Which.
        compression: Compression,
        /// The most that may come out.
        limit_bytes: usize,
    },
    /// Not what it says it is.
    #[error("{compression:?} of {input_bytes} bytes cannot be unfolded")]
    Damaged {
        /// Which.
        compression: Compression,
        /// What went in.
        input_bytes: usize,
        /// What the library says.
        #[source]
        cause: io::Error,
    },
    /// The encoder failed.
    #[error("{compression:?} of {input_bytes} bytes cannot be made")]
    Encode {
        /// Which.
        compression: Compression,
        /// What went in.
        input_bytes: usize,
        /// What the library says.
        #[source]
        cause: io::Error,
    },
}

impl Compression {
    /// What a system flag says; `None` when the body is as it was sent.
    pub fn of(sys_flag: i32) -> Result<Option<Self>, CompressError> {
        if sys_flag & COMPRESSED == 0 {
            return Ok(None);
        }
        match sys_flag & COMPRESSION_MASK {
            COMPRESSION_LZ4 => Ok(Some(Self::Lz4)),
            COMPRESSION_ZSTD => Ok(Some(Self::Zstd)),
            0 | COMPRESSION_ZLIB => Ok(Some(Self::Zlib)),
            bits => Err(CompressError::UnknownKind { kind: bits >> 8 }),
        }
    }

    /// The bits of the system flag, without [`COMPRESSED`].
    pub const fn bits(self) -> i32 {
        match self {
            Self::Lz4 => COMPRESSION_LZ4,
            Self::Zstd => COMPRESSION_ZSTD,
            Self::Zlib => COMPRESSION_ZLIB,
        }
    }

    /// `sys_flag` of a message whose body is compressed so.
    pub const fn mark(self, sys_flag: i32) -> i32 {
        (sys_flag & !COMPRESSION_MASK) | COMPRESSED | self.bits()
    }

    /// Compress; `level` from 1 (fast) to 9 (small) counts for zlib only.
    pub fn compress(self, body: &[u8], level: u32) -> Result<Bytes, CompressError> {
        let made = match self {
            Self::Lz4 => lz4(body),
            Self::Zstd => Ok(compress_to_vec(body, CompressionLevel::Fastest)),
            Self::Zlib => zlib(body, level),
        };
        made.map(Bytes::from).map_err(|cause| CompressError::Encode {
            compression: self,
            input_bytes: body.len(),
            cause,
        })
    }

    /// Unfold to at most `limit_bytes`.
    pub fn decompress(self, body: &[u8], limit_bytes: usize) -> Result<Bytes, CompressError> {
        let damaged =
            |cause| CompressError::Damaged { compression: self, input_bytes: body.len(), cause };
        let unfolded = match self {
            Self::Lz4 => read_all(FrameDecoder::new(body), body.len(), limit_bytes),
            Self::Zlib => read_all(ZlibDecoder::new(body), body.len(), limit_bytes),
            Self::Zstd => {
                let window = ZSTD_WINDOW_BYTES_MAX.max(limit_bytes as u64);
                let decoder = StreamingDecoder::new_with_max_window_size(body, window)
                    .map_err(|cause| damaged(io::Error::new(io::ErrorKind::InvalidData, cause)))?;
                read_all(decoder, body.len(), limit_bytes)
            }
        };
        match unfolded.map_err(damaged)? {
            Some(unfolded) => Ok(Bytes::from(unfolded)),
            None => Err(CompressError::TooLong { compression: self, limit_bytes }),
        }
    }
}

/// The body as its sender wrote it, unfolded when the system flag says so, to at most
/// `limit_bytes`.
pub fn plain_body(sys_flag: i32, body: Bytes, limit_bytes: usize) -> Result<Bytes, CompressError> {
    match Compression::of(sys_flag)? {
        // Nothing is no compressed form of anything, but Java does not even look at an empty body.
        Some(compression) if !body.is_empty() => compression.decompress(&body, limit_bytes),
        _ => Ok(body),
    }
}

/// All of `source`, unless it is more than `limit_bytes`.
fn read_all(
    source: impl Read,
    input_bytes: usize,
    limit_bytes: usize,
) -> io::Result<Option<Vec<u8>>> {
    let first = input_bytes.saturating_mul(2).min(limit_bytes).min(FIRST_RESERVE_BYTES);
    let mut unfolded = Vec::with_capacity(first);
    let one_more = (limit_bytes as u64).saturating_add(1);
    source.take(one_more).read_to_end(&mut unfolded)?;
    Ok((unfolded.len() <= limit_bytes).then_some(unfolded))
}

fn lz4(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = FrameEncoder::new(Vec::with_capacity(body.len() / 2));
    encoder.write_all(body)?;
    encoder.finish().map_err(io::Error::from)
}

fn zlib(body: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::new(level.clamp(1, 9));
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(body.len() / 2), level);
    encoder.write_all(body)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Compression; 3] = [Compression::Lz4, Compression::Zstd, Compression::Zlib];

    #[test]
    fn every_kind_gives_back_what_it_was_given() {
        let body: Vec<u8> = (0..100_000u32).flat_map(|n| (n % 251).to_be_bytes()).collect();
        for kind in KINDS {
            let small = kind.compress(&body, DEFAULT_LEVEL).unwrap();
            assert!(small.len() < body.len(), "{kind:?}");
            assert_eq!(kind.decompress(&small, body.len()).unwrap(), body, "{kind:?}");
            let flag = kind.mark(COMPRESSION_ZLIB | 2);
            assert_eq!(Compression::of(flag).unwrap(), Some(kind));
            assert_eq!(flag & 2, 2);
            let empty = kind.compress(b"", DEFAULT_LEVEL).unwrap();
            assert_eq!(kind.decompress(&empty, 0).unwrap(), Bytes::new());
        }
    }

    #[test]
    fn more_than_the_limit_never_comes_out() {
        let bomb = vec![0; 4 * 1024 * 1024];
        for kind in KINDS {
            let small = kind.compress(&bomb, 9).unwrap();
            let refused = kind.decompress(&small, bomb.len() - 1).unwrap_err();
            assert!(matches!(refused, CompressError::TooLong { limit_bytes: 4_194_303, .. }));
        }
    }

    #[test]
    fn what_is_damaged_or_cut_is_refused() {
        let body = b"the same words and the same words and the same words again".repeat(50);
        for kind in KINDS {
            let small = kind.compress(&body, DEFAULT_LEVEL).unwrap();
            let cut = kind.decompress(&small[..small.len() / 2], 1 << 20);
            assert!(matches!(cut, Err(CompressError::Damaged { .. })), "{kind:?} {cut:?}");
            let other = kind.decompress(b"not compressed at all", 1 << 20);
            assert!(matches!(other, Err(CompressError::Damaged { .. })), "{kind:?} {other:?}");
        }
    }

    #[test]
    fn old_senders_mean_zlib_and_unknown_kinds_are_named() {
        assert_eq!(Compression::of(COMPRESSED).unwrap(), Some(Compression::Zlib));
        assert_eq!(Compression::of(COMPRESSION_LZ4).unwrap(), None);
        let refused = Compression::of(COMPRESSED | 5 << 8).unwrap_err();
        assert!(matches!(refused, CompressError::UnknownKind { kind: 5 }));
    }
}
