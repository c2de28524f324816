//! Files, locks and syncs of a [`Stage`].

use std::{
    future::Future,
    io::{self, ErrorKind},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use runtime::{BoxFuture, File, FileLock};

use super::stage::{Stage, State};
use crate::disk::Content;

/// An open file.
pub(super) struct StageFile {
    pub(super) stage: Stage,
    pub(super) number: u64,
    pub(super) writable: bool,
    pub(super) path: PathBuf,
}

impl StageFile {
    fn change(
        &self,
        words: impl FnOnce() -> String,
        change: impl FnOnce(&mut Content),
    ) -> io::Result<()> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        let mut state = self.stage.state();
        let wall_ms = state.wall_ms;
        let content = state.platters.content(self.number)?;
        content.modified_ms = wall_ms;
        change(content);
        state.happened(|| format!("{} {}", words(), self.path.display()));
        Ok(())
    }

    fn look<T>(&self, look: impl FnOnce(&Content) -> T) -> io::Result<T> {
        let state = self.stage.state();
        let content = state.platters.files.get(&self.number);
        content.map(|content| look(content)).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl File for StageFile {
    fn len(&self) -> io::Result<u64> {
        self.look(Content::len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|| format!("set length {len} of"), |content| content.set_len(len))
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.change(|| format!("preallocate {len} of"), |content| content.preallocate(len))
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.look(|content| content.read(at, buffer))
    }

    fn read_bytes(&self, at: u64, len: u64) -> io::Result<Bytes> {
        if at.checked_add(len).is_none_or(|end| self.len().is_ok_and(|whole| whole < end)) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::UnexpectedEof)?;
        let mut buffer = vec![0; len];
        self.look(|content| content.read(at, &mut buffer))?;
        Ok(buffer.into())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let words = || format!("write {} bytes at {at} of", bytes.len());
        self.change(words, |content| content.write(at, bytes))?;
        Ok(bytes.len())
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        let mut state = self.stage.state();
        let (number, path) = (self.number, self.path.clone());
        let sync = match state.platters.content(number) {
            Ok(content) => content.begin_sync(),
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        state.happened(|| format!("begin to sync {}", path.display()));
        let pauses = state.is_recorded();
        drop(state);
        Syncing::start(&self.stage, pauses, move |state| {
            if let Ok(content) = state.platters.content(number) {
                content.end_sync(sync);
            }
            state.happened(|| format!("end of syncing {}", path.display()));
        })
    }
}

/// A lock that is held.
pub(super) struct StageLock {
    pub(super) stage: Stage,
    pub(super) number: u64,
}

impl FileLock for StageLock {}

impl Drop for StageLock {
    fn drop(&mut self) {
        self.stage.state().locks.remove(&self.number);
    }
}

type End = Box<dyn FnOnce(&mut State) + Send>;

/// A sync that is under way. It ends when it is asked, or when it is asked again.
pub(super) struct Syncing {
    stage: Stage,
    pauses: bool,
    end: Option<End>,
}

impl Syncing {
    pub(super) fn start(
        stage: &Stage,
        pauses: bool,
        end: impl FnOnce(&mut State) + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        Box::pin(Self { stage: stage.clone(), pauses, end: Some(Box::new(end)) })
    }
}

impl Future for Syncing {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(end) = self.end.take() {
            end(&mut self.stage.state());
        }
        Poll::Ready(Ok(()))
    }
}
