//! Whole trees of files: copied with all that belongs to them, and compared with the layers that
//! they lie over. Reached by descriptors, name by name; no link is followed.

pub mod attributes;
pub mod changes;
pub mod duplicate;
pub mod lower;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat};

/// The names in a directory, in the kernel's order.
pub fn names(directory: impl AsFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    Ok(names)
}

/// What a name in a directory is; a link is not followed.
pub fn status(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<Stat> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// A directory in a directory, to be read.
pub fn enter(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

pub fn kind(status: &Stat) -> FileType {
    FileType::from_raw_mode(status.st_mode)
}
