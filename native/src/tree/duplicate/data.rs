//! The content of one file: shared with the original where the file system can, else copied
//! piece by piece, holes left out.

use std::os::fd::OwnedFd;

use rustix::fs::{SeekFrom, copy_file_range, ftruncate, ioctl_ficlone, seek};
use rustix::io::{Errno, pread, pwrite};

/// How much of a file was copied, and how much of that is shared on the disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    pub shared: u64,
}

pub fn copy(source: &OwnedFd, target: &OwnedFd, size: u64) -> rustix::io::Result<Copied> {
    if size == 0 {
        return Ok(Copied {
            bytes: 0,
            shared: 0,
        });
    }
    if ioctl_ficlone(target, source).is_ok() {
        return Ok(Copied {
            bytes: size,
            shared: size,
        });
    }
    ftruncate(target, size)?;
    let mut bytes = 0;
    let mut at = 0;
    while at < size {
        let start = match seek(source, SeekFrom::Data(at)) {
            Ok(start) => start,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            // A file system that knows no holes.
            Err(Errno::INVAL) => at,
            Err(errno) => return Err(errno),
        };
        let end = seek(source, SeekFrom::Hole(start))
            .unwrap_or(size)
            .min(size);
        piece(source, target, start..end)?;
        bytes += end.saturating_sub(start);
        at = end.max(start + 1);
    }
    Ok(Copied { bytes, shared: 0 })
}

fn piece(
    source: &OwnedFd,
    target: &OwnedFd,
    range: std::ops::Range<u64>,
) -> rustix::io::Result<()> {
    let (mut from, mut to) = (range.start, range.start);
    while from < range.end {
        let length = usize::try_from(range.end - from)
            .unwrap_or(usize::MAX)
            .min(1 << 30);
        match copy_file_range(source, Some(&mut from), target, Some(&mut to), length) {
            // It became shorter: what is missing stays a hole.
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return by_hand(source, target, from..range.end);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn by_hand(
    source: &OwnedFd,
    target: &OwnedFd,
    range: std::ops::Range<u64>,
) -> rustix::io::Result<()> {
    let mut buffer = vec![0_u8; 256 << 10];
    let mut at = range.start;
    while at < range.end {
        let wanted = usize::try_from(range.end - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let length = pread(source, &mut buffer[..wanted], at)?;
        if length == 0 {
            break;
        }
        let mut written = 0;
        while written < length {
            written += pwrite(target, &buffer[written..length], at + written as u64)?;
        }
        at += length as u64;
    }
    Ok(())
}
