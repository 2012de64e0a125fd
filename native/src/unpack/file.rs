//! The content of a file: whole, with the archive's holes, and with holes of its own for zeros.

use std::os::fd::OwnedFd;

use rustix::fs::ftruncate;
use rustix::io::{Errno, pwrite};

use crate::error::{Error, Result};
use crate::unpack::entry::{Entries, Entry};
use crate::unpack::sparse::Sparse;

/// Zeros become a hole where they fill an aligned part of this many bytes.
const HOLE: usize = 64 * 1024;

/// Writes the data of `entry` from `entries`; gives the size, and the CRC-32 of a file without the
/// archive's own holes.
pub fn write(
    fd: &OwnedFd,
    entry: &Entry,
    entries: &mut Entries,
    (stored, sparse): (u64, Option<&Sparse>),
) -> Result<(u64, Option<u32>)> {
    let whole = [(0, stored)];
    let (segments, size) = sparse.map_or((&whole[..], stored), |sparse| {
        (sparse.segments.as_slice(), sparse.size)
    });
    let mut end = 0;
    let mut crc = crc32fast::Hasher::new();
    for (offset, length) in segments {
        let part = (*offset, *length);
        end = end.max(segment(fd, entry, (entries, &mut crc), part)?);
    }
    if end < size {
        ftruncate(fd, size).map_err(|errno| failed(entry, errno))?;
    }
    Ok((size, sparse.is_none().then(|| crc.finalize())))
}

/// Gives the end of what was really written.
fn segment(
    fd: &OwnedFd,
    entry: &Entry,
    (entries, crc): (&mut Entries, &mut crc32fast::Hasher),
    (mut offset, mut length): (u64, u64),
) -> Result<u64> {
    let mut written = 0;
    while length > 0 {
        let piece = entries.data()?;
        let room = usize::try_from(length).unwrap_or(usize::MAX);
        let piece = piece.get(..room).unwrap_or(piece);
        let count = match zeros(piece, offset) {
            0 => {
                let part = piece.get(..until_zeros(piece, offset)).unwrap_or(piece);
                let count = pwrite(fd, part, offset).map_err(|errno| failed(entry, errno))?;
                written = offset + count as u64;
                count
            }
            zeros => zeros,
        };
        crc.update(piece.get(..count).unwrap_or_default());
        entries.consume(count)?;
        offset += count as u64;
        length -= count as u64;
    }
    Ok(written)
}

/// How many bytes of zeros `piece`, which belongs at `offset`, starts with: whole parts.
fn zeros(piece: &[u8], offset: u64) -> usize {
    parts(piece, offset)
        .take_while(|part| is_zero(part))
        .map(<[u8]>::len)
        .sum()
}

/// How many bytes to write until the next part of zeros.
fn until_zeros(piece: &[u8], offset: u64) -> usize {
    parts(piece, offset)
        .take_while(|part| !is_zero(part))
        .map(<[u8]>::len)
        .sum()
}

/// `piece` cut where its place in the file is a multiple of `HOLE`.
fn parts(piece: &[u8], offset: u64) -> impl Iterator<Item = &[u8]> {
    let first = (HOLE - (offset % HOLE as u64) as usize).min(piece.len());
    let (first, rest) = piece.split_at(first);
    std::iter::once(first)
        .chain(rest.chunks(HOLE))
        .filter(|part| !part.is_empty())
}

fn is_zero(part: &[u8]) -> bool {
    part.first() == Some(&0) && part.iter().all(|byte| *byte == 0)
}

fn failed(entry: &Entry, errno: Errno) -> Error {
    let error = Error::os("write file", entry.subject(), errno);
    match errno {
        Errno::NOSPC | Errno::DQUOT => error.hint("make room on this file system"),
        Errno::FBIG => error.hint("the file is larger than this file system allows"),
        _ => error,
    }
}
