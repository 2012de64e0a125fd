//! Who in a container uses a mount or a device: what stands in the way of taking it away.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Statx, StatxFlags};
use serde::Serialize;

use crate::error::{Context, Error, Result};

/// A process that uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// On the host.
    pub pid: i32,
    /// Its command's name.
    pub name: String,
}

/// What is looked for.
pub enum Sought<'a> {
    /// Files on one of these mounts.
    Mounts(&'a [u64]),
    /// One file: a device's node.
    File { device: u64, inode: u64 },
}

/// The processes that share this process's mounts and have it open, as a working directory, as
/// their root or mapped. Processes that end meanwhile hold nothing.
pub fn find(proc: &OwnedFd, sought: &Sought<'_>) -> Result<Vec<Holder>> {
    let own = std::process::id().cast_signed();
    let mounts = namespace(proc, "self")
        .ok_or_else(|| Error::new("read namespace", "/proc/self/ns/mnt", "it is not there"))?;
    let mut holders = Vec::new();
    for pid in names(proc, ".").at("list processes", "/proc")? {
        let Ok(number) = pid.parse::<i32>() else {
            continue;
        };
        if number == own || namespace(proc, &pid) != Some(mounts) {
            continue;
        }
        if uses(proc, &pid, sought) {
            holders.push(Holder {
                pid: number,
                name: command(proc, &pid),
            });
        }
    }
    holders.sort_by_key(|holder| holder.pid);
    Ok(holders)
}

/// The error for it: errno EBUSY, with the processes' names.
pub fn busy(step: &'static str, subject: &str, holders: &[Holder]) -> Error {
    let mut error = Error::os(step, subject, rustix::io::Errno::BUSY);
    error.reason = if holders.is_empty() {
        "it is in use".to_owned()
    } else {
        let names: Vec<String> = holders
            .iter()
            .take(5)
            .map(|holder| format!("{} ({})", holder.name, holder.pid))
            .collect();
        format!("it is in use by {}", names.join(", "))
    };
    error.hint("end these processes, or restart the container")
}

fn uses(proc: &OwnedFd, pid: &str, sought: &Sought<'_>) -> bool {
    let links = ["cwd", "root", "exe"].map(str::to_owned);
    let listed = |directory: &str| {
        names(proc, &format!("{pid}/{directory}"))
            .unwrap_or_default()
            .into_iter()
            .map(move |name| format!("{directory}/{name}"))
            .collect::<Vec<_>>()
    };
    // Mapped files are shown to root alone.
    links
        .into_iter()
        .chain(listed("fd"))
        .chain(listed("map_files"))
        .any(|link| look(proc, &format!("{pid}/{link}")).is_some_and(|stat| matches(&stat, sought)))
}

fn matches(stat: &Statx, sought: &Sought<'_>) -> bool {
    match sought {
        Sought::Mounts(ids) => ids.contains(&stat.stx_mnt_id),
        Sought::File { device, inode } => {
            let on = rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor);
            (on, stat.stx_ino) == (*device, *inode)
        }
    }
}

/// What a link of procfs leads to; nothing is opened.
fn look(proc: &OwnedFd, link: &str) -> Option<Statx> {
    let flags = StatxFlags::INO | StatxFlags::MNT_ID;
    rustix::fs::statx(proc, link, AtFlags::NO_AUTOMOUNT, flags).ok()
}

fn namespace(proc: &OwnedFd, pid: &str) -> Option<u64> {
    rustix::fs::statat(proc, format!("{pid}/ns/mnt"), AtFlags::empty())
        .ok()
        .map(|stat| stat.st_ino)
}

fn names(proc: &OwnedFd, directory: &str) -> rustix::io::Result<Vec<String>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(proc, directory, flags, Mode::empty())?;
    Ok(Dir::new(opened)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| !name.starts_with('.'))
        .collect())
}

fn command(proc: &OwnedFd, pid: &str) -> String {
    use std::io::Read;
    let mut text = String::new();
    let opened = rustix::fs::openat(
        proc,
        format!("{pid}/comm"),
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    if let Ok(file) = opened {
        // Without a name it is still a process.
        let _ = std::fs::File::from(file).read_to_string(&mut text);
    }
    text.trim_end().to_owned()
}
