//! Files below a root directory, by descriptor. Inside a container's root everything may be
//! hostile, so `RootFd` is the only way in: the kernel resolves each path within the root and
//! follows no link out of it (openat2, RESOLVE_IN_ROOT, no magic links).

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::error::{Context, Error, Result};

/// A directory as the root of everything that is reached through it.
#[derive(Debug)]
pub struct RootFd(OwnedFd);

impl RootFd {
    /// Takes an open directory as root.
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Opens a directory of the host by path.
    pub fn open_host(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty())
            .map(Self)
            .at("open root", path.display().to_string())
    }

    /// Opens `path` (absolute or not, always taken from the root). Links are followed inside the
    /// root only.
    pub fn open(&self, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        self.resolve(path, flags, mode, ResolveFlags::empty())
    }

    /// The same, and a symbolic link anywhere in `path` is an error (ELOOP).
    pub fn open_without_links(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.resolve(path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
    }

    /// Opens the directory at `path` (O_PATH) and makes what is missing of it, component by
    /// component, each beneath a directory that is open already. A link is followed inside the
    /// root; where it leads to nothing, that is made.
    pub fn make_dir(&self, path: &Path, mode: u32) -> Result<OwnedFd> {
        self.make_dir_through(path, mode, MOST_LINKS)
    }

    fn make_dir_through(&self, path: &Path, mode: u32, links: u8) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            other => return other.at("open directory in root", path.display().to_string()),
        }
        let (above, name) = split(path)?;
        let parent = self.make_dir_through(&above, mode, links)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(mode)) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                if let (Some(target), Some(links)) =
                    (link_target(&parent, &above, name), links.checked_sub(1))
                {
                    return self.make_dir_through(&target, mode, links);
                }
            }
            Err(errno) => {
                return Err(Error::os(
                    "make directory in root",
                    path.display().to_string(),
                    errno,
                ));
            }
        }
        self.open(path, flags, Mode::empty())
            .at("open directory in root", path.display().to_string())
    }

    /// Opens the file at `path` (O_PATH); makes an empty one, with its directories, when there is
    /// nothing. Whatever exists (also a device or a socket) is opened as it is. Links as in `make_dir`:
    /// images have an /etc/resolv.conf that leads to what only runs on a whole system.
    pub fn make_file(&self, path: &Path) -> Result<OwnedFd> {
        self.make_file_through(path, MOST_LINKS)
    }

    fn make_file_through(&self, path: &Path, links: u8) -> Result<OwnedFd> {
        match self.open(path, OFlags::PATH, Mode::empty()) {
            Err(Errno::NOENT) => {}
            other => return other.at("open file in root", path.display().to_string()),
        }
        let (above, name) = split(path)?;
        let parent = self.make_dir_through(&above, 0o755, links)?;
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::WRONLY;
        match rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644)) {
            Ok(_) => {}
            Err(Errno::EXIST) => {
                if let (Some(target), Some(links)) =
                    (link_target(&parent, &above, name), links.checked_sub(1))
                {
                    return self.make_file_through(&target, links);
                }
            }
            Err(errno) => {
                return Err(Error::os(
                    "make file in root",
                    path.display().to_string(),
                    errno,
                ));
            }
        }
        self.open(path, OFlags::PATH, Mode::empty())
            .at("open file in root", path.display().to_string())
    }

    fn resolve(
        &self,
        path: &Path,
        flags: OFlags,
        mode: Mode,
        more: ResolveFlags,
    ) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
        loop {
            // EAGAIN: something was renamed while the kernel looked at a `..`; look again.
            match rustix::fs::openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }
}

impl AsFd for RootFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// So many links are followed to what does not exist yet.
const MOST_LINKS: u8 = 16;

/// Where the link `name` in `parent` leads, as a path of the root, where it is resolved again by
/// the kernel. None: it is none.
fn link_target(parent: &OwnedFd, above: &Path, name: &OsStr) -> Option<PathBuf> {
    let target = rustix::fs::readlinkat(parent, name, Vec::new()).ok()?;
    // An absolute one takes the place of all before it.
    Some(above.join(OsStr::from_bytes(target.as_bytes())))
}

/// What a descriptor is.
pub fn kind(fd: impl AsFd) -> rustix::io::Result<FileType> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode))
}

/// The directory and the last name of a path; `..` has no name to make.
fn split(path: &Path) -> Result<(PathBuf, &OsStr)> {
    match path.components().next_back() {
        Some(Component::Normal(name)) => {
            Ok((path.parent().unwrap_or(Path::new("/")).to_path_buf(), name))
        }
        _ => Err(Error::new(
            "make path in root",
            path.display().to_string(),
            "the path has no last name",
        )),
    }
}
