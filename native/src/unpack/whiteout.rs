//! What a layer of an image takes away from the layers below: files named `.wh.NAME`, and markers
//! that say that a directory shows nothing from below. Both mean the layers below alone, wherever in
//! the layer they stand; so they are collected, and turned into overlayfs's own marks at the end.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, XattrFlags, fsetxattr, mknodat, openat, statat};
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::unpack::dirs::Dirs;
use crate::unpack::name::{show, split};

const PREFIX: &[u8] = b".wh.";
/// Names that begin so belong to the file system that images came from once (aufs).
const META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Most bytes of names that are kept until the end.
const MAX_NAMES: usize = 64 << 20;

/// How a removed file is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// A character device 0/0 where that may be made, else an attribute.
    Auto,
    /// An empty file with an attribute (Linux 6.7).
    Attribute,
}

/// A mark that was made: its kind in the list, and the path.
pub type Mark = (u8, Vec<u8>);

/// The marks of one layer.
#[derive(Debug, Default)]
pub struct Whiteouts {
    removed: BTreeSet<Vec<u8>>,
    opaque: BTreeSet<Vec<u8>>,
    bytes: usize,
}

impl Whiteouts {
    /// True when `path` is a mark and was taken; false: it is an entry like any other.
    pub fn take(&mut self, path: &[u8]) -> std::result::Result<bool, String> {
        let Some((parent, name)) = split(path) else {
            return Ok(false);
        };
        if parent
            .split(|byte| *byte == b'/')
            .any(|part| part.starts_with(META))
        {
            return Ok(true);
        }
        if parent
            .split(|byte| *byte == b'/')
            .any(|part| part.starts_with(PREFIX))
        {
            return Err("a whiteout is on the way to it, which holds nothing".into());
        }
        if name == OPAQUE {
            return self.keep(parent.to_vec(), true);
        }
        if name.starts_with(META) {
            return Ok(true);
        }
        match name.strip_prefix(PREFIX) {
            None => Ok(false),
            Some(b"") => Err("it is a whiteout of nothing".into()),
            Some(b"." | b"..") => Err("it is a whiteout of a directory's own name".into()),
            Some(name) => {
                let slash: &[u8] = if parent.is_empty() { b"" } else { b"/" };
                self.keep([parent, slash, name].concat(), false)
            }
        }
    }

    fn keep(&mut self, path: Vec<u8>, opaque: bool) -> std::result::Result<bool, String> {
        self.bytes += path.len();
        if self.bytes > MAX_NAMES {
            return Err(format!(
                "the whiteouts' names have more than {MAX_NAMES} bytes"
            ));
        }
        match opaque {
            true => self.opaque.insert(path),
            false => self.removed.insert(path),
        };
        Ok(true)
    }

    /// Makes overlayfs's marks and adds them to `made`, as the list has them. True when the root
    /// itself is opaque, which no mark can say.
    pub fn apply(&self, dirs: &mut Dirs, marker: Marker, made: &mut Vec<Mark>) -> Result<bool> {
        for path in self.opaque.iter().filter(|path| !path.is_empty()) {
            // Where the layer has a file there, nothing from below shows anyway.
            if let Some(dir) = dirs.reach_if(path)? {
                mark_opaque(&dir.fd, b"y").at("mark directory", show(path))?;
                made.push((b'o', path.clone()));
            }
        }
        for path in self.removed.iter().filter(|path| !self.is_hidden(path)) {
            if let Some(kind) = self.remove(dirs, path, marker)? {
                made.push((kind, path.clone()));
            }
        }
        Ok(self.opaque.contains(&b""[..]))
    }

    /// Nothing from below shows there, whatever is marked; and a mark itself would show.
    fn is_hidden(&self, path: &[u8]) -> bool {
        let mut above = path;
        while let Some((parent, _)) = split(above) {
            if self.opaque.contains(parent) || self.removed.contains(parent) {
                return true;
            }
            above = parent;
        }
        false
    }

    /// Gives the kind of mark that it made.
    fn remove(&self, dirs: &mut Dirs, path: &[u8], marker: Marker) -> Result<Option<u8>> {
        let Some((parent, name)) = split(path) else {
            return Ok(None);
        };
        let Some(dir) = dirs.reach_if(parent)? else {
            return Ok(None);
        };
        let there = statat(&dir.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .map(|stat| FileType::from_raw_mode(stat.st_mode));
        match there {
            // Removed and made again: of the old directory nothing shows.
            Ok(FileType::Directory) => {
                if let Some(dir) = dirs.reach_if(path)? {
                    mark_opaque(&dir.fd, b"y").at("mark directory", show(path))?;
                }
                Ok(Some(b'o'))
            }
            // What the layer has there hides what is below.
            Ok(_) => Ok(None),
            Err(Errno::NOENT) => whiteout(&dir.fd, name, marker)
                .map(|()| Some(b'w'))
                .map_err(|errno| no_mark(path, errno)),
            Err(errno) => Err(Error::os("look at file", show(path), errno)),
        }
    }
}

fn whiteout(dir: &OwnedFd, name: &[u8], marker: Marker) -> rustix::io::Result<()> {
    if marker == Marker::Auto {
        let mode = Mode::empty();
        match mknodat(dir, name, FileType::CharacterDevice, mode, 0) {
            // Not in every container.
            Err(Errno::PERM) => {}
            made => return made,
        }
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, name, flags, Mode::empty())?;
    set(&file, "overlay.whiteout", b"y")?;
    // Only in directories with this mark overlayfs looks for such files.
    mark_opaque(dir, b"x")
}

fn mark_opaque(dir: &OwnedFd, value: &[u8]) -> rustix::io::Result<()> {
    set(dir, "overlay.opaque", value)
}

/// Overlays of the machine's root read `trusted` attributes, those in a user namespace `user` ones;
/// the same tree may serve both. One of them must work.
fn set(fd: &OwnedFd, name: &str, value: &[u8]) -> rustix::io::Result<()> {
    let trusted = fsetxattr(fd, format!("trusted.{name}"), value, XattrFlags::empty());
    let user = fsetxattr(fd, format!("user.{name}"), value, XattrFlags::empty());
    trusted.or(user)
}

fn no_mark(path: &[u8], errno: Errno) -> Error {
    Error::os("mark as removed", show(path), errno)
        .hint("the store's file system must take devices 0/0 or extended attributes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(paths: &[&str]) -> Whiteouts {
        let mut whiteouts = Whiteouts::default();
        for path in paths {
            assert_eq!(whiteouts.take(path.as_bytes()), Ok(true), "{path}");
        }
        whiteouts
    }

    #[test]
    fn names_that_are_no_marks_are_entries() {
        for path in ["", "a", "a/wh.b", "a/.whb", ".w", "a.wh.b"] {
            assert_eq!(
                Whiteouts::default().take(path.as_bytes()),
                Ok(false),
                "{path}"
            );
        }
    }

    #[test]
    fn a_whiteout_without_a_name_or_with_children_is_refused() {
        for path in [
            ".wh.",
            "a/.wh.",
            ".wh..",
            ".wh...",
            "a/.wh.b/c",
            ".wh.a/.wh.b",
        ] {
            assert!(
                Whiteouts::default().take(path.as_bytes()).is_err(),
                "{path}"
            );
        }
    }

    #[test]
    fn what_aufs_kept_for_itself_is_passed_over() {
        let whiteouts = taken(&[".wh..wh.aufs", ".wh..wh.plnk", ".wh..wh.plnk/12.34"]);
        assert!(whiteouts.removed.is_empty() && whiteouts.opaque.is_empty());
    }

    #[test]
    fn marks_below_a_removed_or_opaque_directory_are_hidden() {
        let whiteouts = taken(&[
            "a/.wh..wh..opq",
            "a/.wh.x",
            "a/b/.wh.y",
            ".wh.c",
            "c/.wh.z",
            "d/.wh.e",
        ]);
        let shown: Vec<_> = whiteouts
            .removed
            .iter()
            .filter(|path| !whiteouts.is_hidden(path))
            .map(Vec::as_slice)
            .collect();
        assert_eq!(shown, [&b"c"[..], b"d/e"]);
    }
}
