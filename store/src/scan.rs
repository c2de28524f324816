//! Walking through the log record by record, until something is no record.

use std::io;

use bytes::Bytes;
use protocol::record::{Record, RecordView, Start, start};

use crate::{
    get::Damage,
    limits::{BLANK_BYTES_MIN, SCAN_BYTES},
    segment::{Segment, is_blank},
};

/// What a power cut keeps or loses as a whole: half a sector, to be careful. The one that was being
/// written may lose its end.
const SECTOR_BYTES: u64 = 256;

/// What stands at a place of the log.
pub(crate) enum Step {
    /// A whole record.
    Record(RecordView),
    /// The end of a file: go on with the next.
    Blank,
    /// Nothing.
    Unwritten,
    /// Something else.
    Bad(String),
}

/// What the first bytes of a place say about it.
pub(crate) enum Head {
    /// A record that says it is so long, and for which there is room.
    Record { total_bytes: u64 },
    /// The end of a file.
    Blank,
    /// Nothing.
    Unwritten,
    /// Something else.
    Bad(String),
}

/// What stands at a place with these first bytes, `rest` bytes before the end of its file.
pub(crate) fn head(bytes: &[u8], rest: u64) -> Head {
    if is_blank(bytes, rest) {
        return Head::Blank;
    }
    match start(bytes) {
        Ok(Start::Record { total_bytes }) if rest < total_bytes as u64 + BLANK_BYTES_MIN => {
            Head::Bad(format!("a record of {total_bytes} bytes, {rest} are left"))
        }
        Ok(Start::Record { total_bytes }) => Head::Record { total_bytes: total_bytes as u64 },
        Ok(Start::Unwritten) => Head::Unwritten,
        Ok(Start::Blank { total_bytes }) => {
            Head::Bad(format!("a blank of {total_bytes} bytes, {rest} are left"))
        }
        Err(wrong) => Head::Bad(wrong.to_string()),
    }
}

/// The bytes of one segment, read in large runs.
pub(crate) struct Scanner<'a> {
    segment: &'a Segment,
    segment_bytes: u64,
    window: Bytes,
    window_at: u64,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(segment: &'a Segment, segment_bytes: u64) -> Self {
        Self { segment, segment_bytes, window: Bytes::new(), window_at: segment.start }
    }

    /// What stands at `at`, an offset of the log in this segment.
    pub(crate) fn look(&mut self, at: u64) -> io::Result<Step> {
        let rest = self.segment.start + self.segment_bytes - at;
        if rest < BLANK_BYTES_MIN {
            return Ok(Step::Bad(format!("only {rest} bytes to the end of the file")));
        }
        let total_bytes = match head(&self.bytes(at, BLANK_BYTES_MIN)?, rest) {
            Head::Record { total_bytes } => total_bytes,
            Head::Blank => return Ok(Step::Blank),
            Head::Unwritten => return Ok(Step::Unwritten),
            Head::Bad(reason) => return Ok(Step::Bad(reason)),
        };
        let bytes = self.bytes(at, total_bytes)?;
        Ok(match whole(bytes, at) {
            Ok(record) => Step::Record(record),
            Err(damage) => Step::Bad(damage.to_string()),
        })
    }

    fn bytes(&mut self, at: u64, len: u64) -> io::Result<Bytes> {
        let from = at.wrapping_sub(self.window_at);
        if self.window.len() as u64 <= from || (self.window.len() as u64) < from + len {
            let rest = self.segment.start + self.segment_bytes - at;
            let run = SCAN_BYTES.max(len).min(rest);
            self.window = self.segment.file.read_bytes(at - self.segment.start, run)?;
            self.window_at = at;
        }
        let from = usize::try_from(at - self.window_at).unwrap_or(usize::MAX);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(self.window.slice(from..from + len))
    }
}

/// The record, if it is what was once written at `at`, as far as sizes and checksums can tell.
pub(crate) fn whole(bytes: Bytes, at: u64) -> Result<RecordView, Damage> {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    crate::get::verify(&bytes, at, size)?;
    Ok(RecordView::parse(bytes)?)
}

/// Whether a record that lies at this position of a file, and was not yet durable when the power
/// went, has lost a part of what no checksum covers.
///
/// Differs from Java, which looks at nothing behind the body: a record whose properties were lost
/// to a power cut is no message.
pub(crate) fn is_torn(record: &RecordView, position: u64) -> bool {
    let end = position + record.total_size() as u64;
    let properties_at = end - record.properties_bytes().len() as u64;
    let topic_at = properties_at - 2 - record.topic_bytes().len() as u64;
    is_text_torn(record.topic_bytes(), topic_at)
        || is_text_torn(record.properties_bytes(), properties_at)
}

/// Whether a text that lies at this position of a file has lost a sector, or the end of one: there
/// are zeroes then, up to the end of the sector or of the text.
fn is_text_torn(text: &[u8], from: u64) -> bool {
    let first = usize::try_from(SECTOR_BYTES - 1 - from % SECTOR_BYTES).unwrap_or(usize::MAX);
    let step = usize::try_from(SECTOR_BYTES).unwrap_or(usize::MAX);
    text.last() == Some(&0) || text.iter().skip(first).step_by(step).any(|&byte| byte == 0)
}

/// The first record of a segment, if it is whole.
pub(crate) fn first_record(
    segment: &Segment,
    segment_bytes: u64,
) -> io::Result<Option<RecordView>> {
    Ok(match Scanner::new(segment, segment_bytes).look(segment.start)? {
        Step::Record(record) => Some(record),
        Step::Blank | Step::Unwritten | Step::Bad(_) => None,
    })
}

/// Where a record lies, by its own word.
pub(crate) fn place<B: AsRef<[u8]>>(record: &Record<B>) -> u64 {
    u64::try_from(record.physical_offset()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_lost_a_sector_or_the_end_of_one_is_torn_and_one_that_only_holds_a_zero_is_not() {
        let mut text = vec![b'x'; 2000];
        assert!(!is_text_torn(&text, 100));
        text[7] = 0;
        assert!(!is_text_torn(&text, 100));
        // The second sector of the file ends before byte 924 of the text.
        for lost in [412..924, 900..924, 923..924] {
            let mut text = text.clone();
            text[lost].fill(0);
            assert!(is_text_torn(&text, 100));
        }
        text[923] = 0;
        assert!(!is_text_torn(&text, 101));
        assert!(is_text_torn(b"ab\0", 0));
        assert!(!is_text_torn(b"", 0));
    }
}
