//! /etc/ld.so.cache of glibc: entries sorted by name, for a binary search.

use std::cmp::Ordering;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const HEADER: usize = 48;
const ENTRY: usize = 24;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const HWCAPS_TAG: u32 = 1;
/// Of an entry's last field: its low half is the place in the list of subdirectories.
const HWCAPS_BIT: u64 = 1 << 62;

/// A 64-bit library of libc6.
#[cfg(target_arch = "x86_64")]
const FLAGS: i32 = 0x0303;
#[cfg(target_arch = "aarch64")]
const FLAGS: i32 = 0x0a03;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    flags: i32,
    name: Vec<u8>,
    path: Vec<u8>,
    os: u32,
    hwcap: u64,
}

#[derive(Debug, Default)]
pub struct Cache {
    entries: Vec<Entry>,
    /// glibc-hwcaps subdirectories that entries refer to.
    hwcaps: Vec<Vec<u8>>,
}

impl Cache {
    /// What is no cache, or damaged, has no entries: the loader then looks into its directories.
    pub fn parse(bytes: &[u8]) -> Self {
        parse(bytes).unwrap_or_default()
    }

    /// Without the libraries directly in `directory`.
    pub fn forget(&mut self, directory: &str) {
        let directory = directory.as_bytes();
        self.entries.retain(|entry| {
            let below = entry
                .path
                .strip_prefix(directory)
                .and_then(|rest| rest.strip_prefix(b"/"));
            below.is_none_or(|rest| rest.contains(&b'/'))
        });
    }

    /// They answer before others of their name.
    pub fn add(&mut self, directory: &str, names: &[String]) {
        let new = names.iter().map(|name| Entry {
            flags: FLAGS,
            name: name.clone().into_bytes(),
            path: format!("{directory}/{name}").into_bytes(),
            os: 0,
            hwcap: 0,
        });
        let mut entries: Vec<Entry> = new.collect();
        entries.append(&mut self.entries);
        // Stable: new ones stay before old ones that are equal.
        entries.sort_by(|one, other| {
            compare(&other.name, &one.name).then(other.flags.cmp(&one.flags))
        });
        self.entries = entries;
    }

    pub fn build(&self) -> Vec<u8> {
        let start = HEADER + self.entries.len() * ENTRY;
        let mut strings: Vec<u8> = Vec::new();
        let mut table: Vec<u8> = Vec::with_capacity(self.entries.len() * ENTRY);
        let mut put = |text: &[u8]| {
            let at = start + strings.len();
            strings.extend_from_slice(text);
            strings.push(0);
            number(at)
        };
        for entry in &self.entries {
            table.extend(entry.flags.to_ne_bytes());
            table.extend(put(&entry.name).to_ne_bytes());
            table.extend(put(&entry.path).to_ne_bytes());
            table.extend(entry.os.to_ne_bytes());
            table.extend(entry.hwcap.to_ne_bytes());
        }
        let hwcaps: Vec<u32> = self.hwcaps.iter().map(|name| put(name)).collect();
        let end = (start + strings.len()).next_multiple_of(8);
        let mut cache = MAGIC.to_vec();
        cache.extend(number(self.entries.len()).to_ne_bytes());
        cache.extend(number(strings.len()).to_ne_bytes());
        // The byte order, padding, where the extension is, unused.
        cache.extend([if cfg!(target_endian = "little") { 2 } else { 3 }, 0, 0, 0]);
        let extension = if hwcaps.is_empty() { 0 } else { number(end) };
        cache.extend(extension.to_ne_bytes());
        cache.resize(HEADER, 0);
        cache.append(&mut table);
        cache.append(&mut strings);
        cache.resize(end, 0);
        if !hwcaps.is_empty() {
            let words = [
                EXTENSION_MAGIC,
                1,
                HWCAPS_TAG,
                0,
                number(end) + 24,
                number(hwcaps.len() * 4),
            ];
            cache.extend(words.into_iter().chain(hwcaps).flat_map(u32::to_ne_bytes));
        }
        cache
    }
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn parse(bytes: &[u8]) -> Option<Cache> {
    let cache = bytes.get(begin(bytes)?..)?;
    let count = word(cache, 20)? as usize;
    let hwcaps = hwcaps(cache).unwrap_or_default();
    let mut entries = Vec::new();
    for index in 0..count {
        let at = HEADER + index * ENTRY;
        let low = u64::from(word(cache, at + 16)?);
        let high = u64::from(word(cache, at + 20)?);
        let hwcap = if cfg!(target_endian = "little") {
            low | high << 32
        } else {
            high | low << 32
        };
        let entry = Entry {
            flags: word(cache, at)?.cast_signed(),
            name: text(cache, word(cache, at + 4)? as usize)?,
            path: text(cache, word(cache, at + 8)? as usize)?,
            os: word(cache, at + 12)?,
            hwcap,
        };
        // A place in a list that is not there.
        if hwcap & HWCAPS_BIT == 0 || ((hwcap & 0xffff_ffff) as usize) < hwcaps.len() {
            entries.push(entry);
        }
    }
    Some(Cache { entries, hwcaps })
}

/// An old table may stand before it.
fn begin(bytes: &[u8]) -> Option<usize> {
    let mut start = 0;
    if bytes.starts_with(OLD_MAGIC) {
        start = (16 + word(bytes, 12)? as usize * 12).next_multiple_of(8);
    }
    bytes.get(start..)?.starts_with(MAGIC).then_some(start)
}

fn hwcaps(cache: &[u8]) -> Option<Vec<Vec<u8>>> {
    let at = word(cache, 32)? as usize;
    if at == 0 || word(cache, at)? != EXTENSION_MAGIC {
        return None;
    }
    let section = (0..word(cache, at + 4)? as usize)
        .map(|index| at + 8 + index * 16)
        .find(|section| word(cache, *section) == Some(HWCAPS_TAG))?;
    let (offset, size) = (
        word(cache, section + 8)? as usize,
        word(cache, section + 12)? as usize,
    );
    (0..size / 4)
        .map(|index| text(cache, word(cache, offset + index * 4)? as usize))
        .collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

fn text(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    Some(rest[..end].to_vec())
}

/// As the loader compares names: digits by their number.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        match (one.first(), other.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) if a.is_ascii_digit() && b.is_ascii_digit() => {
                let (left, right) = (take_number(&mut one), take_number(&mut other));
                match left.cmp(&right) {
                    Ordering::Equal => {}
                    unequal => return unequal,
                }
            }
            (Some(a), _) if a.is_ascii_digit() => return Ordering::Greater,
            (_, Some(b)) if b.is_ascii_digit() => return Ordering::Less,
            (Some(a), Some(b)) if a != b => return a.cmp(b),
            _ => {
                one = &one[1..];
                other = &other[1..];
            }
        }
    }
}

fn take_number(text: &mut &[u8]) -> u64 {
    let mut value = 0_u64;
    while let Some((digit, rest)) = text
        .split_first()
        .filter(|(digit, _)| digit.is_ascii_digit())
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        *text = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(cache: &Cache) -> Vec<String> {
        cache
            .entries
            .iter()
            .map(|entry| String::from_utf8(entry.path.clone()).unwrap())
            .collect()
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn what_was_built_is_read_again_in_the_loaders_order() {
        let mut cache = Cache::default();
        cache.add(
            "/lib",
            &strings(&[
                "libc.so.6",
                "libz.so.1",
                "libcuda.so.1",
                "libx.so.10",
                "libx.so.9",
            ]),
        );
        cache.add("/opt/d", &strings(&["libcuda.so.1", "libcuda.so"]));
        let again = Cache::parse(&cache.build());
        assert_eq!(
            names(&again),
            [
                "/lib/libz.so.1",
                "/lib/libx.so.10",
                "/lib/libx.so.9",
                "/opt/d/libcuda.so.1",
                "/lib/libcuda.so.1",
                "/opt/d/libcuda.so",
                "/lib/libc.so.6",
            ]
        );
    }

    #[test]
    fn a_directory_is_forgotten_and_those_below_it_are_not() {
        let mut cache = Cache::default();
        cache.add("/opt/d", &strings(&["liba.so.1"]));
        cache.add("/opt/d/more", &strings(&["libb.so.1"]));
        cache.add("/opt/different", &strings(&["libc.so.1"]));
        cache.forget("/opt/d");
        assert_eq!(
            names(&cache),
            ["/opt/different/libc.so.1", "/opt/d/more/libb.so.1"]
        );
    }

    #[test]
    fn subdirectories_for_better_processors_stay() {
        let mut cache = Cache {
            entries: Vec::new(),
            hwcaps: vec![b"x86-64-v3".to_vec()],
        };
        cache.add("/lib/glibc-hwcaps/x86-64-v3", &strings(&["libz.so.1"]));
        cache.entries[0].hwcap = HWCAPS_BIT;
        let again = Cache::parse(&cache.build());
        assert_eq!(again.entries, cache.entries);
        assert_eq!(again.hwcaps, cache.hwcaps);
    }

    #[test]
    fn damage_is_no_cache() {
        let mut cache = Cache::default();
        cache.add("/lib", &strings(&["libc.so.6"]));
        let good = cache.build();
        for length in 0..good.len() {
            let _ = Cache::parse(&good[..length]);
        }
        assert!(Cache::parse(b"no cache").entries.is_empty());
        // The machine's own, whatever it is.
        let own = std::fs::read("/etc/ld.so.cache").unwrap_or_default();
        let parsed = Cache::parse(&own);
        assert_eq!(Cache::parse(&parsed.build()).entries, parsed.entries);
    }
}
