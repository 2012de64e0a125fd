//! Two entries of the same name: in what do they differ?

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, Stat, openat, readlinkat};
use rustix::io::pread;

use crate::tree::kind;
use crate::tree::lower::mark;

/// Everything of what is no directory.
pub fn all(
    (upper, now): (BorrowedFd, &Stat),
    (lower, was): (BorrowedFd, &Stat),
    name: &[u8],
) -> rustix::io::Result<Vec<&'static str>> {
    let mut differs = attributes(now, was);
    if kind(now) != kind(was) {
        return Ok(differs);
    }
    let same = match kind(now) {
        FileType::RegularFile => same_content((upper, now), (lower, was), name)?,
        FileType::Symlink => {
            readlinkat(upper, name, Vec::new())? == readlinkat(lower, name, Vec::new())?
        }
        FileType::CharacterDevice | FileType::BlockDevice => now.st_rdev == was.st_rdev,
        _ => true,
    };
    if !same {
        differs.insert(0, "content");
    }
    Ok(differs)
}

/// Kind, mode and owner.
pub fn attributes(now: &Stat, was: &Stat) -> Vec<&'static str> {
    let mut differs = Vec::new();
    if kind(now) != kind(was) {
        differs.push("kind");
    } else if kind(now) != FileType::Symlink && now.st_mode & 0o7777 != was.st_mode & 0o7777 {
        differs.push("mode");
    }
    if (now.st_uid, now.st_gid) != (was.st_uid, was.st_gid) {
        differs.push("owner");
    }
    differs
}

fn same_content(
    (upper, now): (BorrowedFd, &Stat),
    (lower, was): (BorrowedFd, &Stat),
    name: &[u8],
) -> rustix::io::Result<bool> {
    // Only its attributes were copied up: the content is still the lower one's.
    if mark(upper, name, "metacopy")?.is_some() {
        return Ok(true);
    }
    if now.st_size != was.st_size {
        return Ok(false);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let now = openat(upper, name, flags, Mode::empty())?;
    let was = openat(lower, name, flags, Mode::empty())?;
    same_bytes(&now, &was)
}

fn same_bytes(left: &OwnedFd, right: &OwnedFd) -> rustix::io::Result<bool> {
    let mut buffers = (vec![0_u8; 128 << 10], vec![0_u8; 128 << 10]);
    let mut at = 0;
    loop {
        let length = full(left, &mut buffers.0, at)?;
        if length != full(right, &mut buffers.1, at)? || buffers.0[..length] != buffers.1[..length]
        {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
        at += length as u64;
    }
}

/// Reads until the buffer is full or the file ends.
fn full(file: &OwnedFd, buffer: &mut [u8], at: u64) -> rustix::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match pread(file, &mut buffer[length..], at + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}
