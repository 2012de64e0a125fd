//! The list of what was unpacked: enough to see later whether it is still so, and which directories
//! the archive had files in without naming them. One record after the other, in the archive's order;
//! a later one of the same path wins. A record is three texts that end in a zero byte: kind, mode,
//! owner, group, time, size and checksum between spaces; the path; the target of a hard link.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};

use crate::error::{Context, Error, Result};

/// `f` file, `d` directory, `l` symbolic link, `h` hard link, `n` device or fifo, `i` directory that
/// was only on the way to something, `w` whiteout, `o` the directory is opaque, `e` end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    pub kind: u8,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: (i64, u32),
    /// Bytes of a file or a link's target; the number of a device.
    pub size: u64,
    /// CRC-32 of the content; none: not known.
    pub crc: Option<u32>,
}

/// Facts about one path.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub facts: Facts,
    pub path: Vec<u8>,
    /// Of a hard link.
    pub target: Vec<u8>,
}

/// A list being written.
pub struct List(BufWriter<File>);

impl List {
    pub fn new(file: File) -> Self {
        Self(BufWriter::with_capacity(64 * 1024, file))
    }

    pub fn add(&mut self, facts: &Facts, path: &[u8], target: &[u8]) -> Result<()> {
        self.write(facts, path, target).at("write list", "")
    }

    /// Without this record a list is incomplete.
    pub fn end(mut self) -> Result<()> {
        let facts = Facts {
            kind: b'e',
            ..Facts::default()
        };
        self.add(&facts, b"", b"")?;
        self.0.flush().at("write list", "")
    }

    fn write(&mut self, facts: &Facts, path: &[u8], target: &[u8]) -> std::io::Result<()> {
        let Facts {
            kind,
            mode,
            uid,
            gid,
            mtime: (seconds, nanoseconds),
            size,
            crc,
        } = facts;
        write!(
            self.0,
            "{} {mode:o} {uid} {gid} {seconds}.{nanoseconds} {size} ",
            char::from(*kind)
        )?;
        match crc {
            Some(crc) => write!(self.0, "{crc:08x}")?,
            None => self.0.write_all(b"-")?,
        }
        for part in [path, target] {
            self.0.write_all(b"\0")?;
            self.0.write_all(part)?;
        }
        self.0.write_all(b"\0")
    }
}

/// Reads a list to its end; `each` gets record after record.
pub fn read(file: File, mut each: impl FnMut(Record)) -> Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    loop {
        let facts = text(&mut reader)?;
        let (path, target) = (text(&mut reader)?, text(&mut reader)?);
        let facts = parse(&facts).ok_or_else(damaged)?;
        if facts.kind == b'e' {
            return Ok(());
        }
        each(Record {
            facts,
            path,
            target,
        });
    }
}

/// Longest text: a path, a target, facts.
const MAX_TEXT: u64 = 16 << 10;

fn text(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    reader
        .take(MAX_TEXT)
        .read_until(0, &mut text)
        .at("read list", "")?;
    match text.pop() {
        Some(0) => Ok(text),
        _ => Err(damaged()),
    }
}

fn damaged() -> Error {
    Error::new("read list", "", "it is damaged or was never finished")
}

fn parse(text: &[u8]) -> Option<Facts> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split(' ');
    let kind = *parts.next()?.as_bytes().first()?;
    let mode = u32::from_str_radix(parts.next()?, 8).ok()?;
    let (uid, gid) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (seconds, nanoseconds) = parts.next()?.split_once('.')?;
    let mtime = (seconds.parse().ok()?, nanoseconds.parse().ok()?);
    let size = parts.next()?.parse().ok()?;
    let crc = match parts.next()? {
        "-" => None,
        crc => Some(u32::from_str_radix(crc, 16).ok()?),
    };
    Some(Facts {
        kind,
        mode,
        uid,
        gid,
        mtime,
        size,
        crc,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::*;

    fn memory() -> File {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        rustix::fs::memfd_create("list", flags).unwrap().into()
    }

    #[test]
    fn what_was_written_is_read_and_a_cut_list_is_an_error() {
        let mut file = memory();
        let mut list = List::new(file.try_clone().unwrap());
        let facts = Facts {
            kind: b'f',
            mode: 0o4755,
            uid: 1,
            gid: 4_000_000_000,
            mtime: (-5, 999_999_999),
            size: 1 << 40,
            crc: Some(7),
        };
        list.add(&facts, b"a b\n\xff", b"").unwrap();
        list.add(
            &Facts {
                kind: b'h',
                crc: None,
                ..facts
            },
            b"h",
            b"a",
        )
        .unwrap();
        list.end().unwrap();
        file.rewind().unwrap();
        let mut found = Vec::new();
        read(file.try_clone().unwrap(), |record| found.push(record)).unwrap();
        assert_eq!(
            (found[0].facts, found[0].path.as_slice()),
            (facts, &b"a b\n\xff"[..])
        );
        assert_eq!(
            (found[1].facts.kind, found[1].target.as_slice()),
            (b'h', &b"a"[..])
        );
        file.set_len(30).unwrap();
        file.rewind().unwrap();
        assert!(read(file, |_| {}).is_err());
    }
}
