//! The directories of the tree that is being made, by descriptors. A path is walked from the root
//! part by part and no link is ever followed. While a directory is open here it can be written to
//! by its owner; its own mode and time are set when it is closed, which happens early when many are
//! open: opened again, it gets back what it had. So memory is bounded whatever the archive holds.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, futimens, mkdirat,
    openat, unlinkat,
};
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::unpack::name::{show, split};

/// Directories open at a time; the limit of descriptors is 1024 nearly everywhere.
const MAX_OPEN: usize = 128;
const WHILE_OPEN: u32 = 0o700;
/// Bits that a directory hands down to what is made in it.
const HANDED_DOWN: u32 = 0o2000;
/// Most bytes of names of directories that are only implied; bounds memory.
const MAX_IMPLIED: usize = 64 << 20;

pub struct Dir {
    pub fd: OwnedFd,
    finally: Cell<Attributes>,
    used: Cell<u64>,
}

/// What a directory gets when it is closed.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    pub mode: u32,
    /// Seconds and nanoseconds; none: as it comes.
    pub mtime: Option<(i64, u32)>,
}

impl Dir {
    pub fn finally(&self, attributes: Attributes) {
        self.finally.set(attributes);
    }

    fn close(&self, path: &[u8]) -> Result<()> {
        let Attributes { mode, mtime } = self.finally.get();
        let path = || show(path);
        fchmod(&self.fd, Mode::from_raw_mode(mode)).at("set mode", path())?;
        match mtime {
            Some(mtime) => futimens(&self.fd, &timestamps(mtime)).at("set time", path()),
            None => Ok(()),
        }
    }
}

/// The open directories by their paths.
pub struct Dirs {
    root: Rc<Dir>,
    open: HashMap<Vec<u8>, Rc<Dir>>,
    clock: u64,
    /// Made on the way to something and not named since.
    implied: BTreeSet<Vec<u8>>,
    implied_bytes: usize,
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Fail,
}

impl Dirs {
    pub fn new(root: OwnedFd) -> Result<Self> {
        let root = Rc::new(existing(root).at("open directory", ".")?);
        Ok(Self {
            root,
            open: HashMap::new(),
            clock: 0,
            implied: BTreeSet::new(),
            implied_bytes: 0,
        })
    }

    pub fn root(&self) -> Rc<Dir> {
        Rc::clone(&self.root)
    }

    /// The directory at `path`; what is missing on the way is made, as mode 0755.
    pub fn reach(&mut self, path: &[u8]) -> Result<Rc<Dir>> {
        self.walk(path, Missing::Make)
    }

    /// The same; none when there is a link or a file at it or on the way.
    pub fn reach_if(&mut self, path: &[u8]) -> Result<Option<Rc<Dir>>> {
        match self.walk(path, Missing::Make) {
            Err(error) if error.errno == Some(Errno::NOTDIR.raw_os_error()) => Ok(None),
            reached => reached.map(Some),
        }
    }

    /// The directory at `path`, which must be there.
    pub fn find(&mut self, path: &[u8]) -> Result<Rc<Dir>> {
        self.walk(path, Missing::Fail)
    }

    /// The directory at `path` for an entry that names it: anything else there gives way.
    pub fn make(&mut self, path: &[u8]) -> Result<Rc<Dir>> {
        let Some((parent, name)) = split(path) else {
            return Ok(self.root());
        };
        if !self.implied.is_empty() {
            self.implied.remove(path);
        }
        if let Some(dir) = self.cached(path) {
            return Ok(dir);
        }
        let parent = self.reach(parent)?;
        let made = match make_at(&parent.fd, name) {
            Err(Errno::EXIST) => match open_at(&parent.fd, name) {
                Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(&parent.fd, name, AtFlags::empty())
                    .and_then(|()| make_at(&parent.fd, name)),
                opened => opened,
            },
            made => made,
        };
        let dir = made.at("make directory", show(path))?;
        self.keep(path.to_vec(), dir)
    }

    /// Forgets the directory at `path` and all below, because it is about to be removed.
    pub fn forget(&mut self, path: &[u8]) {
        let stays = |open: &[u8]| {
            let rest = open.strip_prefix(path);
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        self.open.retain(|open, _| stays(open));
        self.implied.retain(|open| stays(open));
    }

    /// Directories that nothing named and that were only on the way to something.
    pub fn implied(&self) -> Vec<Vec<u8>> {
        self.implied.iter().cloned().collect()
    }

    /// Closes all of them.
    pub fn close(self) -> Result<()> {
        for (path, dir) in &self.open {
            dir.close(path)?;
        }
        self.root.close(b"")
    }

    fn walk(&mut self, path: &[u8], missing: Missing) -> Result<Rc<Dir>> {
        let (mut dir, mut end) = self.nearest(path);
        while end < path.len() {
            let start = if end == 0 { 0 } else { end + 1 };
            let rest = path.get(start..).unwrap_or_default();
            end = start
                + rest
                    .iter()
                    .position(|byte| *byte == b'/')
                    .unwrap_or(rest.len());
            let (so_far, name) = (
                path.get(..end).unwrap_or_default(),
                path.get(start..end).unwrap_or_default(),
            );
            let child = match open_at(&dir.fd, name) {
                Err(Errno::NOENT) if missing == Missing::Make => {
                    self.imply(so_far)?;
                    make_at(&dir.fd, name)
                }
                opened => opened,
            };
            let child = child.map_err(|errno| not_reached(so_far, errno))?;
            dir = self.keep(so_far.to_vec(), child)?;
        }
        Ok(dir)
    }

    fn imply(&mut self, path: &[u8]) -> Result<()> {
        self.implied_bytes += path.len();
        if self.implied_bytes > MAX_IMPLIED {
            return Err(Error::new(
                "unpack",
                show(path),
                "the archive has too many files in directories that it does not name",
            ));
        }
        self.implied.insert(path.to_vec());
        Ok(())
    }

    /// The nearest open directory on the way to `path`, and the length of its path.
    fn nearest(&mut self, path: &[u8]) -> (Rc<Dir>, usize) {
        let mut above = path;
        loop {
            if let Some(dir) = self.cached(above) {
                return (dir, above.len());
            }
            match split(above) {
                Some((parent, _)) => above = parent,
                None => return (self.root(), 0),
            }
        }
    }

    fn cached(&mut self, path: &[u8]) -> Option<Rc<Dir>> {
        self.clock += 1;
        let dir = self.open.get(path)?;
        dir.used.set(self.clock);
        Some(Rc::clone(dir))
    }

    fn keep(&mut self, path: Vec<u8>, dir: Dir) -> Result<Rc<Dir>> {
        if self.open.len() >= MAX_OPEN {
            let oldest = self
                .open
                .iter()
                .min_by_key(|(_, dir)| dir.used.get())
                .map(|(path, _)| path.clone());
            if let Some((path, dir)) = oldest.and_then(|path| self.open.remove_entry(&path)) {
                dir.close(&path)?;
            }
        }
        self.clock += 1;
        dir.used.set(self.clock);
        let dir = Rc::new(dir);
        self.open.insert(path, Rc::clone(&dir));
        Ok(dir)
    }
}

/// `UTIME_OMIT` for the access time: the archive does not tell it.
pub fn timestamps((seconds, nanoseconds): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanoseconds.into(),
        },
    }
}

/// The path of an open descriptor for calls that take no descriptor of this kind (`O_PATH`).
pub fn magic_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn make_at(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<Dir> {
    mkdirat(parent, name, Mode::from_raw_mode(WHILE_OPEN))?;
    let dir = open_at(parent, name)?;
    dir.finally(Attributes {
        mode: 0o755,
        mtime: None,
    });
    Ok(dir)
}

fn open_at(parent: &OwnedFd, name: &[u8]) -> rustix::io::Result<Dir> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        // A directory that was closed already, with a mode that keeps its owner out.
        Err(Errno::ACCESS) => {
            let handle = openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
            let stat = fstat(&handle)?;
            rustix::fs::chmod(magic_path(&handle), Mode::from_raw_mode(WHILE_OPEN))?;
            let dir = existing(openat(parent, name, flags, Mode::empty())?)?;
            dir.finally(attributes(&stat));
            Ok(dir)
        }
        opened => existing(opened?),
    }
}

/// A directory that is there already: it gets back the mode and time that it has.
fn existing(fd: OwnedFd) -> rustix::io::Result<Dir> {
    let finally = attributes(&fstat(&fd)?);
    if finally.mode & (WHILE_OPEN | HANDED_DOWN) != WHILE_OPEN {
        let mode = (finally.mode | WHILE_OPEN) & !HANDED_DOWN;
        fchmod(&fd, Mode::from_raw_mode(mode))?;
    }
    Ok(Dir {
        fd,
        finally: Cell::new(finally),
        used: Cell::new(0),
    })
}

fn attributes(stat: &rustix::fs::Stat) -> Attributes {
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Attributes {
        mode: stat.st_mode & 0o7777,
        mtime: Some((stat.st_mtime, nanoseconds)),
    }
}

fn not_reached(path: &[u8], errno: Errno) -> Error {
    match errno {
        Errno::NOTDIR | Errno::LOOP => Error {
            errno: Some(Errno::NOTDIR.raw_os_error()),
            ..Error::new(
                "unpack",
                "",
                format!(
                    "{} on the way to it is a link or a file, no directory",
                    show(path)
                ),
            )
        },
        errno => Error::os("open directory", show(path), errno),
    }
}
