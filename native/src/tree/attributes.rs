//! Owner, mode, times and extended attributes of a name in a directory.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
    lgetxattr, llistxattr, lsetxattr, utimensat,
};
use rustix::io::Errno;

use super::kind;

/// Gives a name what `status` says. The owner comes first: a new one takes setuid bits away.
pub fn apply(directory: impl AsFd, name: &[u8], status: &Stat) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(status.st_uid), Gid::from_raw(status.st_gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    chownat(&directory, name, Some(uid), Some(gid), flags)?;
    if kind(status) != FileType::Symlink {
        let mode = Mode::from_raw_mode(status.st_mode & 0o7777);
        chmodat(&directory, name, mode, AtFlags::empty())?;
    }
    Ok(())
}

/// The last step: everything before it changes them.
pub fn apply_times(directory: impl AsFd, name: &[u8], status: &Stat) -> rustix::io::Result<()> {
    let times = Timestamps {
        last_access: timespec(status.st_atime, status.st_atime_nsec),
        last_modification: timespec(status.st_mtime, status.st_mtime_nsec),
    };
    utimensat(directory, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

#[allow(clippy::unnecessary_cast)] // the types differ between architectures
fn timespec(seconds: impl Into<i64>, nanoseconds: impl TryInto<i64>) -> Timespec {
    Timespec {
        tv_sec: seconds.into(),
        tv_nsec: nanoseconds.try_into().unwrap_or(0) as _,
    }
}

/// All extended attributes that this process may see.
pub fn list(directory: impl AsFd, name: &[u8]) -> rustix::io::Result<Vec<Vec<u8>>> {
    let path = path(directory, name);
    let mut buffer = vec![0_u8; 64 << 10];
    match llistxattr(&path, &mut buffer) {
        Ok(length) => Ok(buffer[..length]
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(<[u8]>::to_vec)
            .collect()),
        Err(Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(errno) => Err(errno),
    }
}

/// None: there is no such attribute, or no such thing here.
pub fn get(
    directory: impl AsFd,
    name: &[u8],
    attribute: &[u8],
) -> rustix::io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0_u8; 64 << 10];
    match lgetxattr(path(directory, name), attribute, &mut buffer) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM) => Ok(None),
        Err(errno) => Err(errno),
    }
}

pub fn set(
    directory: impl AsFd,
    name: &[u8],
    attribute: &[u8],
    value: &[u8],
) -> rustix::io::Result<()> {
    lsetxattr(path(directory, name), attribute, value, XattrFlags::empty())
}

/// There is no call with a directory's descriptor before Linux 6.13. The path leads through the
/// descriptor itself, and its last part is not followed.
fn path(directory: impl AsFd, name: &[u8]) -> OsString {
    let mut path = format!("/proc/self/fd/{}/", directory.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    OsString::from_vec(path)
}
