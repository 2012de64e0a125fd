//! This program's own file, out of reach of what runs in a container.
//!
//! A process of ours that is about to become a container's is seen there as /proc/PID/exe, and who
//! may write to that file replaces the host's pavlosc (CVE-2019-5736). So the verbs that enter a
//! container first execute the program again from something that nobody can write to: a read-only
//! mount of the file, or a sealed copy in memory where mounting is not permitted.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{
    MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fcntl_get_seals,
    fstat, memfd_create, open, sendfile,
};
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::error::{Context, Error, Result};
use crate::sys::mount::{MountAttr, Recursive, attr, mount_setattr};
use crate::sys::process;

const SELF: &str = "/proc/self/exe";

const SEALS: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// Comes back when this process runs from a protected file, or when nobody inside can be the
/// file's owner.
pub fn own_file() -> Result<()> {
    let about = rustix::fs::statvfs(SELF).at("look at own file", SELF)?;
    if about.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = open(SELF, flags, Mode::empty()).at("open own file", SELF)?;
    if is_sealed(&file) || is_out_of_reach(&file)? {
        return Ok(());
    }
    let again = match read_only_mount() {
        Some(mount) => mount,
        None => sealed_copy(&file)?,
    };
    let arguments = std::env::args_os().map(OsStringExt::into_vec);
    let variables = std::env::vars_os().map(|(name, value)| {
        let mut pair = name.into_vec();
        pair.push(b'=');
        pair.extend(value.into_vec());
        pair
    });
    let errno = process::exec_fd(again, &strings(arguments), &strings(variables));
    Err(Error::os("execute own file again", SELF, errno))
}

fn is_sealed(file: &OwnedFd) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SEALS))
}

/// An ordinary user's containers have a user namespace, in which the host's root is nobody.
fn is_out_of_reach(file: &OwnedFd) -> Result<bool> {
    let owner = fstat(file).at("look at own file", SELF)?.st_uid;
    Ok(owner == 0 && !rustix::process::geteuid().is_root())
}

/// None without the right to mount, or on a kernel that cannot.
fn read_only_mount() -> Option<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let mount = open_tree(rustix::fs::CWD, SELF, flags).ok()?;
    let read_only = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(&mount, Recursive::No, read_only).ok()?;
    Some(mount)
}

fn sealed_copy(file: &OwnedFd) -> Result<OwnedFd> {
    const NAME: &str = "pavlosc";
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 know no EXEC and make every such file executable.
    let copy = memfd_create(NAME, flags | MemfdFlags::EXEC)
        .or_else(|_| memfd_create(NAME, flags))
        .at("copy own file", NAME)?;
    let mut left = usize::try_from(fstat(file).at("look at own file", SELF)?.st_size)
        .map_err(|error| Error::new("look at own file", SELF, error.to_string()))?;
    while left > 0 {
        match sendfile(copy.as_fd(), file.as_fd(), None, left).at("copy own file", NAME)? {
            0 => return Err(Error::new("copy own file", SELF, "it became shorter")),
            sent => left -= sent,
        }
    }
    fcntl_add_seals(&copy, SEALS).at("seal own file", NAME)?;
    Ok(copy)
}

/// What came from the kernel has no NUL inside.
fn strings(list: impl Iterator<Item = Vec<u8>>) -> Vec<CString> {
    list.filter_map(|text| CString::new(text).ok()).collect()
}
