//! One entry's header: ustar, with pax records for what does not fit there.

use std::io::Write;

/// An entry as it stands in the archive.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    pub path: &'a [u8],
    pub link: &'a [u8],
    /// ustar's type: `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `6` fifo.
    pub kind: u8,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub mtime: i64,
    pub device: (u32, u32),
    pub attributes: &'a [(Vec<u8>, Vec<u8>)],
}

const MAX_OCTAL_7: u64 = 0o7_777_777;
const MAX_OCTAL_11: u64 = 0o77_777_777_777;

pub fn write(out: &mut dyn Write, entry: &Entry) -> std::io::Result<()> {
    let records = records(entry);
    if !records.is_empty() {
        let header = Entry {
            path: b"PaxHeader",
            kind: b'x',
            mode: 0o644,
            size: records.len() as u64,
            ..Entry::default()
        };
        out.write_all(&block(&header))?;
        out.write_all(&records)?;
        pad(out, records.len() as u64)?;
    }
    out.write_all(&block(entry))
}

/// Fills up the last block of data.
pub fn pad(out: &mut dyn Write, size: u64) -> std::io::Result<()> {
    let rest = (size % 512) as usize;
    match rest {
        0 => Ok(()),
        _ => out.write_all(&vec![0; 512 - rest]),
    }
}

fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend_from_slice(&record(key, value));
    if entry.path.len() > 100 {
        add(b"path", entry.path);
    }
    if entry.link.len() > 100 {
        add(b"linkpath", entry.link);
    }
    if entry.size > MAX_OCTAL_11 {
        add(b"size", entry.size.to_string().as_bytes());
    }
    if u64::from(entry.uid) > MAX_OCTAL_7 {
        add(b"uid", entry.uid.to_string().as_bytes());
    }
    if u64::from(entry.gid) > MAX_OCTAL_7 {
        add(b"gid", entry.gid.to_string().as_bytes());
    }
    if entry.mtime < 0 || entry.mtime.cast_unsigned() > MAX_OCTAL_11 {
        add(b"mtime", entry.mtime.to_string().as_bytes());
    }
    for (name, value) in entry.attributes {
        add(&[b"SCHILY.xattr.", &name[..]].concat(), value);
    }
    records
}

/// `length key=value\n`, where the length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    let mut record = format!("{length} ").into_bytes();
    record.extend_from_slice(key);
    record.push(b'=');
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

fn block(entry: &Entry) -> [u8; 512] {
    let mut block = [0; 512];
    text(&mut block, 0, &entry.path[..entry.path.len().min(100)]);
    number(&mut block, 100, 8, u64::from(entry.mode));
    number(&mut block, 108, 8, u64::from(entry.uid).min(MAX_OCTAL_7));
    number(&mut block, 116, 8, u64::from(entry.gid).min(MAX_OCTAL_7));
    number(&mut block, 124, 12, entry.size.min(MAX_OCTAL_11));
    number(
        &mut block,
        136,
        12,
        entry.mtime.max(0).cast_unsigned().min(MAX_OCTAL_11),
    );
    block[156] = entry.kind;
    text(&mut block, 157, &entry.link[..entry.link.len().min(100)]);
    text(&mut block, 257, b"ustar\x0000");
    number(&mut block, 329, 8, u64::from(entry.device.0));
    number(&mut block, 337, 8, u64::from(entry.device.1));
    text(&mut block, 148, b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    number(&mut block, 148, 7, sum);
    block
}

fn text(block: &mut [u8; 512], at: usize, text: &[u8]) {
    block[at..at + text.len()].copy_from_slice(text);
}

/// Octal digits and a zero byte.
fn number(block: &mut [u8; 512], at: usize, length: usize, value: u64) {
    let digits = format!("{value:0width$o}\0", width = length - 1);
    text(block, at, digits.as_bytes());
}
