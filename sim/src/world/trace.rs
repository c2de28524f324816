//! What happened, as one number and as a story.
//!
//! Every effect of the world is folded into a 64-bit hash with its virtual time: deliveries and
//! their bytes, disk writes, syncs, names, polls, faults, and what the clients observed. Two runs
//! with the same hash took the same course. No pointer, no `usize` width and no floating point
//! enters it, so it is the same in every process, profile and machine.

use std::{fmt::Write as _, io::Write as _};

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A task was polled: a = task number.
    Poll,
    /// A process started: a = incarnation.
    Boot,
    /// A process ended: a = incarnation.
    Death,
    /// A port was opened: a = port.
    Listen,
    /// A connection was established: a = connection, b = the other node.
    Connect,
    /// A connection could not be established: a = the other node.
    Refuse,
    /// Bytes were handed to the network: a = connection, b = count.
    Send,
    /// Bytes arrived: a = connection, b = count.
    Deliver,
    /// A direction ended politely: a = connection.
    Finish,
    /// A connection was reset: a = connection.
    Reset,
    /// A write reached the page cache: a = file, b = position.
    Write,
    /// A read failed or was altered by a fault: a = file, b = position.
    Read,
    /// A file or a directory was made durable: a = file.
    Sync,
    /// A name was created, moved or removed.
    Name,
    /// A fault began, struck or ended.
    Fault,
    /// A situation worth reaching was reached.
    Probe,
    /// Something a client did or observed.
    History,
    /// The product said something.
    Said,
    /// Anything else worth telling.
    Note,
}

impl Kind {
    /// Whether the story keeps it even when nobody asked for every detail.
    fn is_news(self) -> bool {
        !matches!(
            self,
            Self::Poll | Self::Send | Self::Deliver | Self::Write | Self::Sync | Self::Name
        )
    }
}

/// One event of the story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// True time in nanoseconds since the world began.
    pub at: u64,
    /// The node it happened to; 0 is the world itself.
    pub node: u32,
    /// What kind of thing.
    pub kind: Kind,
    /// First number; its meaning depends on the kind.
    pub a: u64,
    /// Second number.
    pub b: u64,
    /// Words, where there are any.
    pub text: String,
}

/// How many events of a story are kept in memory.
const STORY_EVENTS_MAX: usize = 200_000;

/// The hash so far, and the story.
pub(crate) struct Trace {
    hash: u64,
    effects: u64,
    story: Vec<Seen>,
    /// Events that found the story full.
    untold: u64,
    /// Where every single effect is written, when somebody compares two runs.
    log: Option<Box<dyn std::io::Write + Send>>,
}

impl Trace {
    pub(crate) fn new(seed: u64) -> Self {
        Self { hash: fold(0x5eed, seed), effects: 0, story: vec![], untold: 0, log: None }
    }

    /// Writes every effect as a line from now on.
    pub(crate) fn log_to(&mut self, log: Box<dyn std::io::Write + Send>) {
        self.log = Some(log);
    }

    /// Folds one effect in. `text` is folded and kept too.
    pub(crate) fn fold(&mut self, seen: Seen) {
        self.effects += 1;
        let words = [seen.at, u64::from(seen.node) << 8 | seen.kind as u64, seen.a, seen.b];
        self.hash = words.into_iter().fold(self.hash, fold);
        if !seen.text.is_empty() {
            self.hash = fold(self.hash, of_bytes(seen.text.as_bytes()));
        }
        if let Some(log) = &mut self.log {
            let line = format!("{:016x} {}\n", finish(self.hash), line_of(&seen));
            // A full disk under the log must not change the run; the log just ends there.
            if log.write_all(line.as_bytes()).is_err() {
                self.log = None;
            }
        }
        if seen.kind.is_news() {
            if self.story.len() < STORY_EVENTS_MAX {
                self.story.push(seen);
            } else {
                self.untold += 1;
            }
        }
    }

    /// The hash of everything so far.
    pub(crate) fn hash(&self) -> u64 {
        finish(self.hash)
    }

    /// How many effects there were.
    pub(crate) fn effects(&self) -> u64 {
        self.effects
    }

    /// The story so far, and how many events did not fit.
    pub(crate) fn take_story(&mut self) -> (Vec<Seen>, u64) {
        (std::mem::take(&mut self.story), self.untold)
    }

    /// Makes sure that the log has reached its file.
    pub(crate) fn flush(&mut self) {
        if let Some(log) = &mut self.log
            && log.flush().is_err()
        {
            self.log = None;
        }
    }
}

/// One event as a line for people.
pub(crate) fn line_of(seen: &Seen) -> String {
    let Seen { at, node, kind, a, b, text } = seen;
    let mut line = String::new();
    let (seconds, micros, nanos) = (at / 1_000_000_000, at / 1000 % 1_000_000, at % 1000);
    // Writing to a string cannot fail.
    write!(line, "{seconds:>5}.{micros:06}_{nanos:03} n{node:<2} {kind:?} {a} {b} {text}").ok();
    line.truncate(line.trim_end().len());
    line
}

const fn fold(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const fn finish(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// A hash of bytes for folding.
pub(crate) fn of_bytes(bytes: &[u8]) -> u64 {
    let mut hash = fold(0xb17e5, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut place = [0; 8];
        place.copy_from_slice(word);
        hash = fold(hash, u64::from_le_bytes(place));
    }
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(words.remainder()) {
        *place = *byte;
    }
    finish(fold(hash, u64::from_le_bytes(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: u64, text: &str) -> Seen {
        Seen { at, node: 1, kind: Kind::Note, a: 2, b: 3, text: text.to_owned() }
    }

    #[test]
    fn the_hash_sees_time_words_and_order() {
        let of = |events: &[Seen]| {
            let mut trace = Trace::new(1);
            events.iter().cloned().for_each(|event| trace.fold(event));
            trace.hash()
        };
        let straight = of(&[seen(1, "a"), seen(2, "b")]);
        assert_eq!(straight, of(&[seen(1, "a"), seen(2, "b")]));
        assert_ne!(straight, of(&[seen(2, "b"), seen(1, "a")]));
        assert_ne!(straight, of(&[seen(1, "a"), seen(3, "b")]));
        assert_ne!(straight, of(&[seen(1, "a"), seen(2, "c")]));
    }

    #[test]
    fn the_log_has_one_line_per_effect() {
        let line = line_of(&seen(1_002_003_004, "hello"));
        assert_eq!(line, "    1.002003_004 n1  Note 2 3 hello");
    }
}
