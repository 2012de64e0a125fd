//! What is mounted, as the kernel lists it for this process.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};

use crate::error::{Context, Result};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub parent: u64,
    /// Seen from this process's root.
    pub point: PathBuf,
}

/// This process's mounts, by the host's procfs.
pub fn read(proc: &OwnedFd) -> Result<Vec<Entry>> {
    use std::io::Read;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let subject = "/proc/self/mountinfo";
    let file = rustix::fs::openat(proc, "self/mountinfo", flags, Mode::empty())
        .at("list mounts", subject)?;
    let mut text = Vec::with_capacity(32 << 10);
    std::fs::File::from(file)
        .read_to_end(&mut text)
        .at("list mounts", subject)?;
    Ok(parse(&text))
}

/// The mounts below the one with this id, at any depth.
pub fn below(entries: &[Entry], id: u64) -> Vec<&Entry> {
    let mut found: Vec<&Entry> = Vec::new();
    let mut parents = vec![id];
    while let Some(parent) = parents.pop() {
        for entry in entries
            .iter()
            .filter(|entry| entry.parent == parent && entry.id != parent)
        {
            parents.push(entry.id);
            found.push(entry);
        }
    }
    found
}

/// `id parent dev ROOT POINT options ...`
fn parse(text: &[u8]) -> Vec<Entry> {
    text.split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let mut fields = line.split(|&byte| byte == b' ');
            let id = number(fields.next()?)?;
            let parent = number(fields.next()?)?;
            let point = OsString::from_vec(unescape(fields.nth(2)?)).into();
            Some(Entry { id, parent, point })
        })
        .collect()
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Space, tab, newline and backslash are three octal digits.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after
            .get(..3)
            .filter(|_| byte == b'\\')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        result.push(code.unwrap_or(byte));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_ids_and_the_unescaped_point() {
        let text = b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw\n\
            37 36 0:5 / /mnt\\0402/x\\134y rw - tmpfs tmpfs rw\n38 1 0:6 / / rw - tmpfs tmpfs rw\n";
        let entries = parse(text);
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].point, PathBuf::from("/mnt 2"));
        assert_eq!(entries[1].point, PathBuf::from("/mnt 2/x\\y"));
        assert_eq!(below(&entries, 36), [&entries[1]]);
        assert!(below(&entries, 37).is_empty());
    }
}
