//! CUDA forward compatibility: an image may bring a newer libcuda than the driver's. It is used where
//! it lies in the container, by the loader's own means; nothing of it is ever mounted.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags};
use serde::Deserialize;

use super::Loader;
use crate::root::{self, RootFd};

/// Where such libraries are, and what they are compared with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compat {
    /// Inside, absolute.
    pub directory: PathBuf,
    /// Version of the loaded driver; absent: they are not to be used.
    pub driver: Option<String>,
}

/// What no such library exceeds: more is damage, or made to keep us busy.
const MAX_NAMES: usize = 1000;
const MAX_PART: u64 = 64 << 10;
const MAX_SECTIONS: u64 = 256;

/// The directory with its libraries when they are to be used; else without, to be forgotten.
/// Whatever is wrong with an image's libraries only means that the driver's own are used.
pub fn loader(root: &RootFd, compat: &Compat) -> Loader {
    let names = compat
        .driver
        .as_deref()
        .and_then(|driver| usable(root, &compat.directory, driver))
        .unwrap_or_default();
    Loader {
        directory: compat.directory.clone(),
        names,
    }
}

fn usable(root: &RootFd, directory: &Path, driver: &str) -> Option<Vec<String>> {
    let names = libraries(root, directory)?;
    let driver = version(driver)?;
    // More than one is nobody's: which is the one that its programs were made for?
    let mut found = names
        .iter()
        .filter_map(|name| Some((name, version(name.strip_prefix("libcuda.so.")?)?)))
        .filter(|(_, version)| version.len() > 1);
    let (name, brought) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = root
        .open(&directory.join(name), flags, Mode::empty())
        .ok()?;
    if root::kind(&fd).ok()? != FileType::RegularFile {
        return None;
    }
    let newer = match supported(&File::from(fd)) {
        Some(drivers) => drivers.contains(driver.first()?) && brought > driver,
        None => brought.first() > driver.first(),
    };
    newer.then_some(names)
}

fn libraries(root: &RootFd, directory: &Path) -> Option<Vec<String>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let fd = root.open(directory, flags, Mode::empty()).ok()?;
    let mut names: Vec<String> = Dir::new(fd)
        .ok()?
        .take(MAX_NAMES)
        .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name.starts_with("lib") && name.contains(".so"))
        .collect();
    names.sort();
    Some(names)
}

/// Numbers between dots.
fn version(text: &str) -> Option<Vec<u32>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[derive(Deserialize)]
struct Note {
    driver: Vec<u32>,
}

/// Branches of drivers that a libcuda works with, as its note says; none: it has no note.
fn supported(library: &File) -> Option<Vec<u32>> {
    let note = section(library, b".note.cuda.fwd_compatibility")?;
    let size =
        |at: usize| Some(u32::from_le_bytes(note.get(at..at + 4)?.try_into().ok()?) as usize);
    let (name, text) = (size(0)?, size(4)?);
    let from = 12 + name.next_multiple_of(4);
    let text = note.get(from..from.checked_add(text)?)?;
    let end = text.iter().rposition(|&byte| byte != 0)? + 1;
    let note: Note = serde_json::from_slice(&text[..end]).ok()?;
    Some(note.driver)
}

/// Content of a section of a 64-bit little-endian library.
fn section(library: &File, wanted: &[u8]) -> Option<Vec<u8>> {
    let head = part(library, 0, 64)?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let count = u64::from(half(&head, 60)?);
    let table = part(library, long(&head, 40)?, count.min(MAX_SECTIONS) * 64)?;
    let headers: Vec<&[u8]> = table.chunks_exact(64).collect();
    let names = headers.get(half(&head, 62)? as usize)?;
    let names = part(library, long(names, 24)?, long(names, 32)?)?;
    let found = headers.iter().find(|header| {
        let name = word(header, 0).and_then(|at| names.get(at as usize..));
        name.is_some_and(|name| name.starts_with(wanted) && name.get(wanted.len()) == Some(&0))
    })?;
    part(library, long(found, 24)?, long(found, 32)?)
}

fn part(library: &File, from: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length.min(MAX_PART)).ok()?];
    library.read_exact_at(&mut bytes, from).ok()?;
    Some(bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A library with nothing but the note.
    fn library(note: Option<&str>) -> Vec<u8> {
        let names = b"\0.note.cuda.fwd_compatibility\0.shstrtab\0";
        let mut body = Vec::new();
        if let Some(text) = note {
            for number in [19, u32::try_from(text.len()).unwrap(), 1] {
                body.extend(number.to_le_bytes());
            }
            body.extend(b"NVIDIA Corporation\0\0");
            body.extend(text.as_bytes());
        }
        let (note_at, names_at) = (64, 64 + body.len());
        let table_at = names_at + names.len();
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[40..48].copy_from_slice(&(table_at as u64).to_le_bytes());
        bytes[60..62].copy_from_slice(&2_u16.to_le_bytes());
        bytes[62..64].copy_from_slice(&1_u16.to_le_bytes());
        bytes.extend(&body);
        bytes.extend(names);
        let named = if note.is_some() { 1_u32 } else { 0 };
        for (name, at, size) in [(named, note_at, body.len()), (30, names_at, names.len())] {
            let mut header = vec![0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[24..32].copy_from_slice(&(at as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
            bytes.extend(header);
        }
        bytes
    }

    /// Is a library of that version and note used with that driver?
    fn used(brought: &str, note: Option<&str>, driver: &str) -> bool {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("pavlosc-compat-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let inside = root.join("usr/local/cuda/compat");
        fs::create_dir_all(&inside).unwrap();
        fs::write(inside.join(format!("libcuda.so.{brought}")), library(note)).unwrap();
        std::os::unix::fs::symlink(format!("libcuda.so.{brought}"), inside.join("libcuda.so.1"))
            .unwrap();
        let compat = Compat {
            directory: "/usr/local/cuda/compat".into(),
            driver: Some(driver.to_owned()),
        };
        let found = loader(&RootFd::open_host(&root).unwrap(), &compat);
        fs::remove_dir_all(&root).unwrap();
        match found.names.len() {
            0 => false,
            2 => true,
            other => panic!("{other} names"),
        }
    }

    #[test]
    fn a_library_without_a_note_is_used_by_drivers_of_an_older_branch() {
        assert!(used("590.44.01", None, "580.65.06"));
        assert!(!used("580.95.05", None, "580.65.06"));
        assert!(!used("570.10", None, "580.65.06"));
    }

    #[test]
    fn a_note_tells_the_branches_that_it_works_with() {
        let note =
            Some(r#"{"format":1,"CUDA version":"13.1","driver":[535,580,590],"device":[1]}"#);
        assert!(used("590.44.01", note, "580.65.06"));
        assert!(used("590.44.01", note, "590.10"));
        assert!(!used("590.44.01", note, "590.44.01"));
        assert!(!used("590.44.01", note, "575.10"));
        assert!(!used("590.44.01", note, "595.10"));
    }

    #[test]
    fn damage_is_no_note_and_no_directory_is_nothing() {
        let good = library(Some(r#"{"driver":[580]}"#));
        let path = std::env::temp_dir().join(format!("pavlosc-note-{}", std::process::id()));
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).unwrap();
            assert_eq!(supported(&File::open(&path).unwrap()), None);
        }
        fs::write(&path, &good).unwrap();
        assert_eq!(supported(&File::open(&path).unwrap()), Some(vec![580]));
        fs::remove_file(path).unwrap();
        let compat = Compat {
            directory: "/usr/local/no/compat".into(),
            driver: Some("1.0".to_owned()),
        };
        let root = RootFd::open_host(&std::env::temp_dir()).unwrap();
        assert!(loader(&root, &compat).names.is_empty());
    }
}
