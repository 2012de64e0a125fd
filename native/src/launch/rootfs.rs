//! The root filesystem: attached, hidden in parts, then made "/".

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};

use super::init::Init;
use super::mounts::{self, attach as attach_at, copy};
use super::options::Options;
use super::plan::Mount;
use crate::error::{Context, Error, Result};
use crate::root::{self, RootFd};
use crate::sys::descriptor::leave;
use crate::sys::mount::{MountAttr, Recursive, attr, mount_setattr, mount_setattr_at};

/// Cuts this mount namespace off from the host's. With MS_SHARED (asked for by
/// linux.rootfsPropagation) mounts stay shared, except the one below the new root.
pub fn propagation(kind: u64) -> Result<()> {
    let (kind, recursive) = if kind == libc::MS_SHARED {
        (libc::MS_PRIVATE, Recursive::No)
    } else {
        (kind, Recursive::Yes)
    };
    let attr = MountAttr {
        propagation: kind,
        ..MountAttr::default()
    };
    mount_setattr_at(c"/", recursive, attr).at("set mount propagation", "/")
}

/// Makes the root's mount and attaches it at the bundle's root.path; where that cannot be
/// reached (a directory of root's, seen from a user namespace), on top of "/".
pub fn attach(init: &mut Init, mount: Mount, at: &Path) -> Result<()> {
    let tree = mounts::detached(init, &mount)?;
    if root::kind(&tree).at("look at root", at.display().to_string())? != FileType::Directory {
        return Err(Error::new(
            "mount root",
            at.display().to_string(),
            "it is no directory",
        ));
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    match move_mount(&tree, "", CWD, at, flags) {
        Err(Errno::ACCESS) => move_mount(&tree, "", CWD, "/", flags).at("attach root", "/")?,
        other => other.at("attach root", at.display().to_string())?,
    }
    init.root = Some(RootFd::new(tree));
    Ok(())
}

/// The root becomes "/" of this process; the host's root goes away with everything below it.
pub fn pivot(init: &mut Init) -> Result<()> {
    rustix::process::fchdir(init.root()?).at("enter root", "/")?;
    rustix::process::pivot_root(".", ".").at("pivot to root", "/")?;
    unmount(".", UnmountFlags::DETACH).at("unmount the host's root", "/")?;
    rustix::process::chdir("/").at("enter root", "/")
}

/// Without a mount namespace.
pub fn change_root(init: &mut Init, path: &Path) -> Result<()> {
    let root = RootFd::open_host(path)?;
    if path != Path::new("/") {
        rustix::process::fchdir(&root).at("enter root", path.display().to_string())?;
        rustix::process::chroot(".").at("change root", path.display().to_string())?;
    }
    init.root = Some(root);
    rustix::process::chdir("/").at("enter root", "/")
}

pub fn readonly_root(init: &Init) -> Result<()> {
    let attr = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(init.root()?, Recursive::No, attr).at("make root read-only", "/")
}

pub fn root_propagation(init: &Init, kind: u64, recursive: bool) -> Result<()> {
    let attr = MountAttr {
        propagation: kind,
        ..MountAttr::default()
    };
    let recursive = if recursive {
        Recursive::Yes
    } else {
        Recursive::No
    };
    mount_setattr(init.root()?, recursive, attr).at("set root's propagation", "/")
}

/// Covers a path with a read-only view of itself. A missing one needs no cover.
pub fn readonly(init: &Init, path: &Path) -> Result<()> {
    let Some(target) = existing(init.root()?, path)? else {
        return Ok(());
    };
    let tree = copy(&target, Recursive::Yes, path)?;
    let attr = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    mount_setattr(&tree, Recursive::Yes, attr).at("make read-only", path.display().to_string())?;
    attach_at(&tree, &target, path)?;
    leave(tree);
    leave(target);
    Ok(())
}

/// Covers a directory with an empty one, a file with /dev/null. A missing one needs no cover.
pub fn mask(init: &mut Init, path: &Path) -> Result<()> {
    let Some(target) = existing(init.root()?, path)? else {
        return Ok(());
    };
    let directory =
        root::kind(&target).at("look at path", path.display().to_string())? == FileType::Directory;
    let tree = match (directory, &init.empty) {
        (true, Some(empty)) => copy(empty, Recursive::No, path)?,
        (true, None) => empty(path)?,
        (false, _) => {
            if init.null.is_none() {
                init.null = Some(null(init.root()?)?);
            }
            copy(
                init.null.as_ref().map_or(target.as_fd(), AsFd::as_fd),
                Recursive::No,
                path,
            )?
        }
    };
    attach_at(&tree, &target, path)?;
    leave(target);
    if directory && init.empty.is_none() {
        init.empty = Some(tree);
    } else {
        leave(tree);
    }
    Ok(())
}

/// None: there is nothing at this path.
fn existing(root: &RootFd, path: &Path) -> Result<Option<OwnedFd>> {
    match root.open(path, OFlags::PATH, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        other => other
            .at("open path in root", path.display().to_string())
            .map(Some),
    }
}

/// One read-only tmpfs for all masked directories of a container.
fn empty(path: &Path) -> Result<OwnedFd> {
    let options = Options::parse(
        &[
            "ro",
            "nosuid",
            "nodev",
            "noexec",
            "size=0",
            "nr_inodes=1",
            "mode=555",
        ]
        .map(str::to_owned),
    );
    let mount = Mount {
        destination: path.into(),
        kind: "tmpfs".into(),
        source: None,
        options,
        index: usize::MAX,
        mapped: false,
    };
    mounts::filesystem(&path.display().to_string(), &mount, &mount.options)
}

/// The root's /dev/null, certainly that device.
fn null(root: &RootFd) -> Result<OwnedFd> {
    let path = Path::new("/dev/null");
    let fd = root
        .open(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
        .at("open /dev/null in root", "")?;
    super::devices::verify(&fd, FileType::CharacterDevice, 1, 3, path)?;
    Ok(fd)
}

use std::os::fd::{AsFd, OwnedFd};
