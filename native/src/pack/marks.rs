//! What overlayfs writes into a layer: removed entries and directories that hide what lies below. The
//! marks are `trusted` attributes of root and `user` attributes in a user namespace.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{FileType, Stat, fgetxattr, fstat, lgetxattr, llistxattr};
use rustix::io::Errno;

const PREFIXES: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// Does the directory hide those of the same name below it?
pub fn is_opaque(dir: &OwnedFd) -> rustix::io::Result<bool> {
    Ok(matches!(mark(dir, "opaque")?.as_deref(), Some(b"y")))
}

/// Is the entry the mark of a removed one? A device 0/0, or, in directories that say so, an empty file
/// with an attribute.
pub fn is_whiteout(dir: &OwnedFd, name: &[u8], stat: &Stat) -> rustix::io::Result<bool> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => Ok(stat.st_rdev == 0),
        FileType::RegularFile if stat.st_size == 0 && holds_marks(dir)? => {
            let names = list(&entry_path(dir, name))?;
            Ok(PREFIXES
                .iter()
                .any(|prefix| names.contains(&[*prefix, b"whiteout"].concat())))
        }
        _ => Ok(false),
    }
}

/// All attributes of an entry that mean something elsewhere, sorted by name.
pub fn attributes(dir: &OwnedFd, name: &[u8]) -> rustix::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = entry_path(dir, name);
    let mut found = Vec::new();
    for attribute in list(&path)? {
        if attribute == b"security.selinux"
            || PREFIXES.iter().any(|prefix| attribute.starts_with(prefix))
        {
            continue;
        }
        if let Some(value) = value(|buffer| lgetxattr(path.as_os_str(), &attribute[..], buffer))? {
            found.push((attribute, value));
        }
    }
    found.sort();
    Ok(found)
}

fn holds_marks(dir: &OwnedFd) -> rustix::io::Result<bool> {
    debug_assert!(fstat(dir).is_ok());
    Ok(matches!(mark(dir, "opaque")?.as_deref(), Some(b"x")))
}

fn mark(dir: &OwnedFd, what: &str) -> rustix::io::Result<Option<Vec<u8>>> {
    for prefix in PREFIXES {
        let name = [prefix, what.as_bytes()].concat();
        if let Some(value) = value(|buffer| fgetxattr(dir, &name[..], buffer))? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// A link is not followed: the last part of the path is the entry itself.
fn entry_path(dir: &OwnedFd, name: &[u8]) -> std::path::PathBuf {
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    std::ffi::OsString::from_vec(path).into()
}

fn list(path: &std::path::Path) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut buffer = vec![0; 65536];
    match llistxattr(path, &mut buffer[..]) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(buffer
                .split(|byte| *byte == 0)
                .filter(|name| !name.is_empty())
                .map(<[u8]>::to_vec)
                .collect())
        }
        Err(Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}

/// None: there is no such attribute, or this caller may not see it.
fn value(
    read: impl FnOnce(&mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; 65536];
    match read(&mut buffer) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(errno),
    }
}
