//! Mount calls that rustix lacks.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

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

/// A copy of the mount that is open as `fd`, as open_tree(2) with OPEN_TREE_CLONE gives it, with other
/// attributes from the beginning where the kernel can do both in one call (6.15).
pub fn copy_with(
    fd: BorrowedFd<'_>,
    recursive: Recursive,
    attr: MountAttr,
) -> rustix::io::Result<OwnedFd> {
    const SYS_OPEN_TREE_ATTR: libc::c_long = 467;
    const OPEN_TREE_CLONE: i32 = 1;
    let flags = OPEN_TREE_CLONE | libc::O_CLOEXEC | libc::AT_EMPTY_PATH | recursive.flag();
    let (number, empty) = (fd.as_raw_fd(), c"".as_ptr());
    let size = size_of::<MountAttr>();
    // SAFETY: the path is a C string, and the struct is as long as its size says.
    let copied = syscall(unsafe {
        libc::syscall(
            SYS_OPEN_TREE_ATTR,
            number,
            empty,
            flags,
            &raw const attr,
            size,
        )
    });
    let owned = |fd: libc::c_long| {
        // SAFETY: the kernel has just made this descriptor and nobody else has it.
        unsafe { OwnedFd::from_raw_fd(fd as i32) }
    };
    match copied {
        // Filters of engines around us answer EPERM to calls that they do not know.
        Err(Errno::NOSYS | Errno::PERM) => {}
        other => return other.map(owned),
    }
    // SAFETY: the path is a C string.
    let copy =
        syscall(unsafe { libc::syscall(libc::SYS_open_tree, number, empty, flags) }).map(owned)?;
    mount_setattr(&copy, recursive, attr)?;
    Ok(copy)
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
