//! Open files, locks, and syncs that take their time.

use std::{
    future::Future,
    io::{self, ErrorKind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use runtime::{BoxFuture, File, FileLock};

use super::{Content, NodeDisk, Platter, dead, eio};
use crate::world::{Kind, locked, of_bytes};

/// A file that one process has open.
pub(super) struct NodeFile {
    pub(super) disk: NodeDisk,
    pub(super) number: u64,
    pub(super) era: u64,
    pub(super) writable: bool,
}

impl NodeFile {
    fn look<T>(&self, look: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        self.disk.look(|disk| if disk.era == self.era { look(disk) } else { Err(dead()) })
    }

    fn read_content<T>(&self, look: impl FnOnce(&Content) -> T) -> io::Result<T> {
        self.look(|disk| disk.files.get(&self.number).map(look).ok_or_else(dead))
    }

    /// Changes the content after paying what it costs.
    fn change<T>(
        &self,
        price: impl FnOnce(&Content) -> u64,
        change: impl FnOnce(&mut Content) -> T,
    ) -> io::Result<T> {
        if !self.writable {
            return Err(ErrorKind::PermissionDenied.into());
        }
        self.disk.change(|disk, wall_ms| {
            if disk.era != self.era {
                return Err(dead());
            }
            let price = disk.files.get(&self.number).map(price).ok_or_else(dead)?;
            disk.pay(price)?;
            let content = disk.files.get_mut(&self.number).ok_or_else(dead)?;
            content.modified_ms = wall_ms;
            Ok(change(content))
        })
    }

    /// How much of `asked` bytes this call does: all of it, but for a disk of the short kind.
    fn portion(&self, asked: usize) -> usize {
        let portion = self.look(|disk| {
            let ppm = disk.ailments.short_ppm;
            Ok(if 1 < asked && disk.draw.chance(ppm) {
                1 + disk.draw.index(asked - 1)
            } else {
                asked
            })
        });
        portion.unwrap_or(asked)
    }

    /// Whether the draw lets this read fail.
    fn fails_to_read(&self, at: u64) -> io::Result<()> {
        let failed = self.look(|disk| {
            let ppm = disk.ailments.read_error_ppm;
            let failed = disk.draw.chance(ppm);
            disk.felt.read_errors += u64::from(failed);
            Ok(failed)
        })?;
        if failed {
            let node = &self.disk.0.node;
            node.world.told(node.id, Kind::Fault, (self.number, at), "a read fails".into());
            return Err(eio());
        }
        Ok(())
    }
}

impl File for NodeFile {
    fn len(&self) -> io::Result<u64> {
        self.read_content(Content::len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|_| 0, |content| content.set_len(len))?;
        let node = &self.disk.0.node;
        node.world.saw(node.id, Kind::Write, self.number, len);
        Ok(())
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        let price = |content: &Content| content.price_of_preallocating(len);
        self.change(price, |content| content.preallocate(len))?;
        let node = &self.disk.0.node;
        node.world.saw(node.id, Kind::Write, self.number, len);
        Ok(())
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.fails_to_read(at)?;
        let portion = self.portion(buffer.len());
        self.read_content(|content| content.read(at, &mut buffer[..portion]))
    }

    fn read_bytes(&self, at: u64, len: u64) -> io::Result<Bytes> {
        self.fails_to_read(at)?;
        let whole = self.len()?;
        if at.checked_add(len).is_none_or(|end| whole < end) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let len = usize::try_from(len).map_err(|_| ErrorKind::UnexpectedEof)?;
        let mut buffer = vec![0; len];
        self.read_content(|content| content.read(at, &mut buffer))?;
        Ok(buffer.into())
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..self.portion(bytes.len())];
        let price = |content: &Content| content.price(at, bytes.len() as u64);
        self.change(price, |content| content.write(at, bytes))?;
        let node = &self.disk.0.node;
        let what = at.rotate_left(32) ^ of_bytes(bytes);
        node.world.saw(node.id, Kind::Write, self.number, what);
        Ok(bytes.len())
    }

    fn sync(&self) -> BoxFuture<'static, io::Result<()>> {
        let number = self.number;
        let begun =
            self.look(|disk| disk.files.get_mut(&number).map(Content::begin_sync).ok_or_else(dead));
        let sync = match begun {
            Ok(sync) => sync,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        Syncing::start(&self.disk, number, move |disk, good| {
            let Platter { files, draw, .. } = disk;
            match files.get_mut(&number) {
                Some(file) if good => file.end_sync(sync),
                Some(file) => file.fail_sync(sync, draw),
                None => {}
            }
        })
    }
}

impl Drop for NodeFile {
    fn drop(&mut self) {
        let mut disk = locked(&self.disk.0.node.disk);
        if disk.era == self.era {
            if let Some(file) = disk.files.get_mut(&self.number) {
                file.open = file.open.saturating_sub(1);
            }
            disk.drop_if_lost(self.number);
        }
    }
}

/// A lock that one process holds.
pub(super) struct NodeLock {
    pub(super) disk: NodeDisk,
    pub(super) number: u64,
    pub(super) era: u64,
    #[expect(dead_code, reason = "keeps the locked file open")]
    pub(super) file: Arc<dyn File>,
}

impl FileLock for NodeLock {}

impl Drop for NodeLock {
    fn drop(&mut self) {
        let mut disk = locked(&self.disk.0.node.disk);
        if disk.era == self.era {
            disk.locks.remove(&self.number);
        }
    }
}

/// How a sync ended, once it has, and who waits for that.
type Ending = (Option<io::Result<()>>, Option<Waker>);

/// A sync that is under way. It goes on when nobody waits for it any more.
pub(super) struct Syncing(Arc<Mutex<Ending>>);

impl Syncing {
    /// Starts one that ends with `settle`, which is told whether it is good.
    pub(super) fn start(
        of: &NodeDisk,
        file: u64,
        settle: impl FnOnce(&mut Platter, bool) + Send + 'static,
    ) -> BoxFuture<'static, io::Result<()>> {
        let node = of.0.node.clone();
        if !of.0.may() {
            return Box::pin(std::future::ready(Err(dead())));
        }
        let now = node.world.now();
        let (ends_at, good, power) = {
            let mut disk = locked(&node.disk);
            let ailments = disk.ailments;
            let good = !disk.draw.chance(ailments.sync_error_ppm);
            let span = disk.draw.between(ailments.sync_ns_min, ailments.sync_ns_max);
            let power = disk.power;
            let mut ends_at = now + span + ailments.sync_ns_extra;
            if let Some(file) = disk.files.get_mut(&file) {
                ends_at = ends_at.max(file.busy_until + 1);
                file.busy_until = ends_at;
            }
            (ends_at, good, power)
        };
        let state = Arc::new(Mutex::new((None, None::<Waker>)));
        let told = state.clone();
        node.world.clone().call_in(ends_at - now, move |world| {
            {
                let mut disk = locked(&node.disk);
                // The power was cut meanwhile: this sync never ended.
                if disk.power != power {
                    return;
                }
                disk.felt.sync_errors += u64::from(!good);
                settle(&mut disk, good);
            }
            if good {
                world.saw(node.id, Kind::Sync, file, 1);
            } else {
                world.told(node.id, Kind::Fault, (file, 0), "a sync fails".into());
            }
            let waker = {
                let mut state = locked(&told);
                state.0 = Some(if good { Ok(()) } else { Err(eio()) });
                state.1.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        Box::pin(Self(state))
    }
}

impl Future for Syncing {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = locked(&self.0);
        if let Some(outcome) = state.0.take() {
            return Poll::Ready(outcome);
        }
        let before = state.1.replace(cx.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}
