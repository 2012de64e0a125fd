//! Symbolic links that belong to devices and drivers.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::root::RootFd;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Inside.
    pub path: PathBuf,
    pub target: PathBuf,
}

/// Makes it; true: it was not there before. What else is there stays and is an error.
pub fn make(root: &RootFd, link: &Link) -> Result<bool> {
    let subject = link.path.display().to_string();
    let (parent, name) = split(&link.path)?;
    let parent = root.make_dir(parent, 0o755)?;
    match rustix::fs::symlinkat(&link.target, &parent, name) {
        Err(Errno::EXIST) => match rustix::fs::readlinkat(&parent, name, Vec::new()) {
            Ok(found) if found.as_bytes() == link.target.as_os_str().as_encoded_bytes() => {
                Ok(false)
            }
            _ => Err(Error::os("make link", subject, Errno::EXIST)
                .hint("something else is there; remove it in the root filesystem")),
        },
        other => other.at("make link", subject).map(|()| true),
    }
}

/// Removes it when it is still this link.
pub fn remove(root: &RootFd, link: &Link) -> Result<()> {
    let subject = link.path.display().to_string();
    let (parent, name) = split(&link.path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let parent = match root.open(parent, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        other => other.at("open directory", subject.clone())?,
    };
    match rustix::fs::readlinkat(&parent, name, Vec::new()) {
        Ok(found) if found.as_bytes() == link.target.as_os_str().as_encoded_bytes() => {
            rustix::fs::unlinkat(&parent, name, AtFlags::empty()).at("remove link", subject)
        }
        _ => Ok(()),
    }
}

fn split(path: &Path) -> Result<(&Path, &std::ffi::OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::new(
            "make link",
            path.display().to_string(),
            "the path has no last name",
        )),
    }
}
