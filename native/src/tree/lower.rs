//! What lies below a writable layer: one directory of several layers, as overlayfs joins them.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use super::{attributes, enter, kind, names, status};

/// One directory as the layers have it, topmost first; empty: no layer has it.
#[derive(Debug, Default)]
pub struct Lower(pub Vec<OwnedFd>);

/// What a name is below.
#[derive(Debug)]
pub enum Below<'a> {
    Nothing,
    /// Anything but a directory, in the directory of this layer.
    Entry(&'a OwnedFd, Stat),
    Directory(Lower, Stat),
}

impl Lower {
    /// Looks a name up as overlayfs does: the topmost counts, directories are joined, and a mark of
    /// removal or an opaque directory ends the search.
    pub fn find(&self, name: &[u8]) -> rustix::io::Result<Below<'_>> {
        let mut joined = Vec::new();
        let mut first = None;
        for layer in &self.0 {
            let status = match status(layer, name) {
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                status => status?,
            };
            if is_whiteout(layer, name, &status)? {
                break;
            }
            if kind(&status) != FileType::Directory {
                if joined.is_empty() {
                    return Ok(Below::Entry(layer, status));
                }
                break;
            }
            joined.push(enter(layer, name)?);
            first.get_or_insert(status);
            if is_opaque(layer, name)? {
                break;
            }
        }
        Ok(match first {
            Some(status) => Below::Directory(Self(joined), status),
            None => Below::Nothing,
        })
    }

    /// All names that are seen in this directory, in order.
    pub fn names(&self) -> rustix::io::Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for layer in &self.0 {
            all.extend(names(layer)?);
        }
        all.sort_unstable();
        all.dedup();
        let mut seen = Vec::new();
        for name in all {
            if !matches!(self.find(&name)?, Below::Nothing) {
                seen.push(name);
            }
        }
        Ok(seen)
    }
}

/// The mark of something removed: a device 0/0, or an empty file with an attribute.
pub fn is_whiteout(directory: impl AsFd, name: &[u8], status: &Stat) -> rustix::io::Result<bool> {
    match kind(status) {
        FileType::CharacterDevice => Ok(status.st_rdev == 0),
        FileType::RegularFile if status.st_size == 0 => {
            Ok(mark(directory, name, "whiteout")?.is_some())
        }
        _ => Ok(false),
    }
}

/// A directory that hides what the layers below have at its place.
pub fn is_opaque(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<bool> {
    Ok(mark(directory, name, "opaque")?.is_some_and(|value| value == b"y"))
}

/// One of overlayfs's marks, in the form for everybody or that for user namespaces.
pub fn mark(directory: impl AsFd, name: &[u8], what: &str) -> rustix::io::Result<Option<Vec<u8>>> {
    let directory = directory.as_fd();
    for prefix in ["trusted", "user"] {
        let attribute = format!("{prefix}.overlay.{what}");
        if let Some(value) = attributes::get(directory, name, attribute.as_bytes())? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}
