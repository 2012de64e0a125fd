//! Mount calls that rustix lacks.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

use crate::sys::syscall;

/// Mount attributes: MOUNT_ATTR_* of linux/mount.h.
pub mod attr {
    pub const RDONLY: u64 = 0x1;
    pub const NOSUID: u64 = 0x2;
    pub const NODEV: u64 = 0x4;
    pub const NOEXEC: u64 = 0x8;
    /// The mask of the three times below; to change one, it must be cleared whole.
    pub const ATIME: u64 = 0x70;
    pub const RELATIME: u64 = 0;
    pub const NOATIME: u64 = 0x10;
    pub const STRICTATIME: u64 = 0x20;
    pub const NODIRATIME: u64 = 0x80;
    pub const IDMAP: u64 = 0x10_0000;
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
}

/// What mount_setattr(2) is told. `propagation` is one of MS_SHARED, MS_SLAVE, MS_PRIVATE,
/// MS_UNBINDABLE, or 0 for no change.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MountAttr {
    pub set: u64,
    pub clear: u64,
    pub propagation: u64,
    pub userns_fd: u64,
}

/// Changes the mount whose root `fd` is; with `recursive` all below it too.
pub fn mount_setattr(
    fd: impl AsFd,
    recursive: Recursive,
    attr: MountAttr,
) -> rustix::io::Result<()> {
    setattr(
        fd.as_fd().as_raw_fd(),
        c"",
        libc::AT_EMPTY_PATH | recursive.flag(),
        attr,
    )
}

/// The same for the mount at an absolute path of the host.
pub fn mount_setattr_at(
    path: &CStr,
    recursive: Recursive,
    attr: MountAttr,
) -> rustix::io::Result<()> {
    setattr(libc::AT_FDCWD, path, recursive.flag(), attr)
}

/// How far a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursive {
    No,
    Yes,
}

impl Recursive {
    fn flag(self) -> i32 {
        match self {
            Self::No => 0,
            Self::Yes => libc::AT_RECURSIVE,
        }
    }
}

fn setattr(fd: i32, path: &CStr, flags: i32, attr: MountAttr) -> rustix::io::Result<()> {
    let size = size_of::<MountAttr>();
    // SAFETY: the path is NUL-terminated and `attr` is the kernel's struct in the size given.
    syscall(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            fd,
            path.as_ptr(),
            flags,
            &raw const attr,
            size,
        )
    })
    .map(drop)
}
