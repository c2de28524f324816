//! What a master gives to its slaves: bytes of its log, as they lie there.
//!
//! Source: store/ha/DefaultHAConnection.java.

use std::io;

use bytes::Bytes;

use crate::store::Store;

/// Why a slave cannot be given what it asks for. It takes an operator to help it.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file is deleted. Java says nothing, and sends nothing, for ever.
    #[error("the slave asks for {at}, but our log begins at {start}: it must begin anew, empty")]
    Gone {
        /// What it asks for.
        at: u64,
        /// The first byte that is still there.
        start: u64,
    },
    /// Nothing is there yet. Java waits until there is, and sends what may not fit.
    #[error("the slave asks for {at}, but our log ends at {end}: it has what we have not")]
    Ahead {
        /// What it asks for.
        at: u64,
        /// The end of what may be sent.
        end: u64,
    },
    /// The operating system refused to read it.
    #[error("cannot read the log at {at}: {cause}")]
    Disk {
        /// Where.
        at: u64,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl Store {
    /// The end of what slaves may be sent: what consumers may read, as far as it is written.
    ///
    /// Differs from Java: with synchronous flush a slave never has what a power cut can take away
    /// from its master.
    #[must_use]
    pub fn transfer_end(&self) -> u64 {
        self.readable_to().min(self.log.written()).max(self.log.start())
    }

    /// Where a slave begins whose log ends at `end`: there, or with the last file if it has
    /// nothing yet.
    ///
    /// # Errors
    /// If the log does not hold what comes next for this slave.
    pub fn transfer_start(&self, end: u64) -> Result<u64, TransferError> {
        let ours = self.transfer_end();
        let at = if end == 0 { ours - ours % self.log.segment_bytes } else { end };
        self.check_transfer(at).map(|()| at)
    }

    /// At most `bytes_max` bytes of the log from `at` on, all of one file; none if that is the end.
    ///
    /// # Errors
    /// If the log does not hold them.
    pub fn transfer(&self, at: u64, bytes_max: u64) -> Result<Bytes, TransferError> {
        self.check_transfer(at)?;
        let until = self.transfer_end().min(self.log.next_segment(at));
        let len = bytes_max.min(until - at);
        if len == 0 {
            return Ok(Bytes::new());
        }
        let read = self.log.read(at, len);
        read.map(|(bytes, _)| bytes).map_err(|cause| TransferError::Disk { at, cause })
    }

    fn check_transfer(&self, at: u64) -> Result<(), TransferError> {
        let (start, end) = (self.log.start(), self.transfer_end());
        if end < at {
            return Err(TransferError::Ahead { at, end });
        }
        if at < start {
            return Err(TransferError::Gone { at, start });
        }
        Ok(())
    }
}
