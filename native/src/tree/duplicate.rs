//! A copy of a tree with everything that belongs to it: owners, modes, times, attributes,
//! overlayfs's marks, hard links, holes, devices. Data is shared with the original where the file
//! system can (reflinks).

mod data;

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, linkat, mkdirat, mknodat, openat, openat2,
    readlinkat, symlinkat, syncfs,
};
use rustix::io::Errno;
use serde::Serialize;

use super::{attributes, enter, kind, names, status};
use crate::error::{Context, Error, Result};
use crate::unpack::show;

/// Most names that are kept of what could not be copied as it is.
const MAX_SKIPPED: usize = 10_000;

/// What was copied.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    pub entries: u64,
    /// Of files, without holes.
    pub bytes: u64,
    /// Those of `bytes` that both trees share on the disk.
    pub shared: u64,
    pub skipped: Vec<Skipped>,
}

/// Something that the copy lacks.
#[derive(Debug, Serialize)]
pub struct Skipped {
    pub path: String,
    pub reason: String,
}

/// Copies what is in `source` into the empty directory `target`, and its own attributes too.
/// On success everything is on the disk.
pub fn duplicate(source: &OwnedFd, target: &OwnedFd) -> Result<Summary> {
    let mut copy = Copy {
        target,
        path: Vec::new(),
        links: HashMap::new(),
        summary: Summary::default(),
    };
    copy.directory(source.as_fd(), target.as_fd())?;
    copy.finish((source.as_fd(), target.as_fd(), b"."))?;
    syncfs(target).at("write to disk", "")?;
    Ok(copy.summary)
}

struct Copy<'a> {
    target: &'a OwnedFd,
    /// Names on the way to the current entry.
    path: Vec<Vec<u8>>,
    /// Where the first name of a file with several names was made, by device and inode.
    links: HashMap<(u64, u64), Vec<u8>>,
    summary: Summary,
}

/// One name in both trees.
type Pair<'a> = (BorrowedFd<'a>, BorrowedFd<'a>, &'a [u8]);

impl Copy<'_> {
    fn directory(&mut self, from: BorrowedFd, to: BorrowedFd) -> Result<()> {
        for name in names(from).at("read directory", self.shown())? {
            self.path.push(name.clone());
            self.entry((from, to, &name))?;
            self.path.pop();
        }
        Ok(())
    }

    fn entry(&mut self, pair: Pair) -> Result<()> {
        let (from, to, name) = pair;
        let status = match status(from, name) {
            // Removed while we looked: only where nobody paused what works in it.
            Err(Errno::NOENT) => return Ok(()),
            status => status.at("look at", self.shown())?,
        };
        self.summary.entries += 1;
        match kind(&status) {
            FileType::Directory => {
                mkdirat(to, name, Mode::RWXU).at("make directory", self.shown())?;
                let below = (
                    enter(from, name).at("open directory", self.shown())?,
                    enter(to, name).at("open directory", self.shown())?,
                );
                self.directory(below.0.as_fd(), below.1.as_fd())?;
            }
            _ if self.linked(pair, &status)? => return Ok(()),
            FileType::RegularFile => self.file(pair, &status)?,
            FileType::Symlink => {
                let link = readlinkat(from, name, Vec::new()).at("read link", self.shown())?;
                symlinkat(link, to, name).at("make link", self.shown())?;
            }
            special => {
                let made = mknodat(to, name, special, Mode::RUSR, status.st_rdev);
                if let Err(errno) = made {
                    self.skip("", errno);
                    return Ok(());
                }
            }
        }
        self.finish(pair)
    }

    /// A further name of a file that was copied already.
    fn linked(&mut self, (_, to, name): Pair, status: &Stat) -> Result<bool> {
        if status.st_nlink < 2 {
            return Ok(false);
        }
        #[allow(clippy::unnecessary_cast)] // the types differ between architectures
        let key = (status.st_dev as u64, status.st_ino as u64);
        let Some(first) = self.links.get(&key) else {
            self.links.insert(key, self.path.join(&b'/'));
            return Ok(false);
        };
        let cut = first.iter().rposition(|byte| *byte == b'/');
        let (parent, last) = match cut {
            Some(at) => (&first[..at], &first[at + 1..]),
            None => (&b"."[..], &first[..]),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let parent = openat2(self.target, parent, flags, Mode::empty(), resolve)
            .at("open directory", self.shown())?;
        match linkat(parent, last, to, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            // Too many names, or the first one could not be made: a file of its own then.
            Err(Errno::MLINK | Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::os("make hard link", self.shown(), errno)),
        }
    }

    fn file(&mut self, (from, to, name): Pair, status: &Stat) -> Result<()> {
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let source = openat(from, name, flags | OFlags::RDONLY, Mode::empty())
            .at("open file", self.shown())?;
        let new = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
        let target =
            openat(to, name, flags | new, Mode::RUSR | Mode::WUSR).at("make file", self.shown())?;
        let size = u64::try_from(status.st_size).unwrap_or(0);
        let copied = data::copy(&source, &target, size).at("copy file", self.shown())?;
        self.summary.bytes += copied.bytes;
        self.summary.shared += copied.shared;
        Ok(())
    }

    /// What is set once the content is there.
    fn finish(&mut self, (from, to, name): Pair) -> Result<()> {
        let status = status(from, name).at("look at", self.shown())?;
        attributes::apply(to, name, &status).at("set owner and mode", self.shown())?;
        for attribute in attributes::list(from, name).at("list attributes", self.shown())? {
            let value = attributes::get(from, name, &attribute).at("read attribute", self.shown());
            let Some(value) = value? else { continue };
            if let Err(errno) = attributes::set(to, name, &attribute, &value) {
                // Labels are the machine's policy: it gives the copy its own.
                if attribute != b"security.selinux" {
                    self.skip(&String::from_utf8_lossy(&attribute), errno);
                }
            }
        }
        attributes::apply_times(to, name, &status).at("set times", self.shown())
    }

    fn skip(&mut self, attribute: &str, errno: Errno) {
        if self.summary.skipped.len() < MAX_SKIPPED {
            let reason = std::io::Error::from(errno);
            self.summary.skipped.push(Skipped {
                path: self.shown(),
                reason: match attribute {
                    "" => reason.to_string(),
                    attribute => format!("{attribute}: {reason}"),
                },
            });
        }
    }

    fn shown(&self) -> String {
        show(&self.path.join(&b'/'))
    }
}
