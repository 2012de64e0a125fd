//! Taking a mount away, by what it is and not by a path that may have changed meanwhile.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use crate::error::{Context, Error, Result};
use crate::launch::mounts::copy;
use crate::live::enter::Inside;
use crate::live::holders::{self, Sought};
use crate::live::table::{self, Entry};
use crate::live::{Failure, Outcome};
use crate::sys::mount::Recursive;

const STEP: &str = "unmount";

/// A mount that was found at a path inside.
pub struct Found {
    /// Where it is, links followed.
    entry: Entry,
    /// It and everything mounted below it.
    ids: Vec<u64>,
}

/// The topmost mount at `path`. None: nothing is mounted there, or there is no such path.
pub fn find(inside: &Inside, path: &Path) -> Result<Option<Found>> {
    let subject = path.display().to_string();
    let fd = match inside.root.open(path, OFlags::PATH, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
        other => other.at("open mount", subject.clone())?,
    };
    let Some(id) = mount_id(&fd).at("look at mount", subject.clone())? else {
        return Ok(None);
    };
    let entries = table::read(&inside.host.proc)?;
    let Some(entry) = entries.iter().find(|entry| entry.id == id).cloned() else {
        return Ok(None);
    };
    if entry.point == Path::new("/") {
        return Err(Error::new(STEP, subject, "it is the container's root"));
    }
    let mut ids = vec![id];
    ids.extend(table::below(&entries, id).iter().map(|below| below.id));
    Ok(Some(Found { entry, ids }))
}

/// An error when a process uses it.
pub fn check(inside: &Inside, found: &Found) -> Outcome {
    let holders = holders::find(&inside.host.proc, &Sought::Mounts(&found.ids))?;
    if holders.is_empty() {
        return Ok(());
    }
    Err(busy(found, holders))
}

/// Takes it away. What is in use stays: then nothing has changed.
pub fn remove(inside: &Inside, found: &Found) -> Outcome {
    let subject = found.entry.point.display().to_string();
    let (parent, name) = place(inside, found)?;
    rustix::process::fchdir(&parent).at("enter directory", subject.clone())?;
    drop(parent);
    let flags = if found.ids.len() == 1 {
        UnmountFlags::NOFOLLOW
    } else {
        // With mounts below it the kernel takes a tree away at once or not at all, and does not
        // ask who uses it: that is for us to look at.
        check(inside, found)?;
        UnmountFlags::NOFOLLOW | UnmountFlags::DETACH
    };
    let done = unmount(name.as_str(), flags);
    rustix::process::chdir("/").at("leave directory", subject.clone())?;
    match done {
        Err(Errno::BUSY) => {
            let holders = holders::find(&inside.host.proc, &Sought::Mounts(&found.ids))?;
            Err(busy(found, holders))
        }
        other => Ok(other.at(STEP, subject)?),
    }
}

/// A copy of it to put back.
pub fn keep(inside: &Inside, found: &Found) -> Result<OwnedFd> {
    let path = &found.entry.point;
    let fd = inside
        .root
        .open(path, OFlags::PATH, Mode::empty())
        .at("open mount", path.display().to_string())?;
    copy(&fd, Recursive::Yes, path)
}

/// The directory around it and its name there, certainly of this mount.
fn place(inside: &Inside, found: &Found) -> Result<(OwnedFd, String)> {
    let point = &found.entry.point;
    let subject = point.display().to_string();
    let (Some(parent), Some(name)) = (point.parent(), point.file_name().and_then(|n| n.to_str()))
    else {
        return Err(Error::new(STEP, subject, "the path has no last name"));
    };
    let parent = inside
        .root
        .open_without_links(parent, OFlags::PATH | OFlags::DIRECTORY)
        .at("open directory", subject.clone())?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let there = rustix::fs::openat(&parent, name, flags, Mode::empty())
        .at("open mount", subject.clone())?;
    if mount_id(&there).at("look at mount", subject.clone())? != Some(found.entry.id) {
        return Err(Error::new(STEP, subject, "it has just changed").hint("try again"));
    }
    Ok((parent, name.to_owned()))
}

/// None: the descriptor is not where a mount begins.
fn mount_id(fd: &OwnedFd) -> rustix::io::Result<Option<u64>> {
    let stat = statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    let begins = stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    Ok(begins.then_some(stat.stx_mnt_id))
}

fn busy(found: &Found, holders: Vec<holders::Holder>) -> Failure {
    let subject = found.entry.point.display().to_string();
    Failure {
        error: Box::new(holders::busy(STEP, &subject, &holders)),
        holders,
    }
}
