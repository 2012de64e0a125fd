//! The root filesystem: attached, hidden in parts, then made "/".

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::process::PidfdFlags;

use super::init::Init;
use super::mounts::{self, attach as attach_at, copy};
use super::options::Options;
use super::plan::Mount;
use crate::error::{Context, Error, Result};
use crate::root::RootFd;
use crate::sys::descriptor::leave;
use crate::sys::mount::{MountAttr, Recursive, attr, copy_with, mount_setattr, mount_setattr_at};
use crate::sys::process::setns;

/// Cuts this mount namespace off from the host's. With MS_SHARED (asked for by
/// linux.rootfsPropagation) mounts stay shared, except the one below the new root.
///
/// A caller in a chroot has handed its root on, which may be no mount and has others above it. Joining a
/// mount namespace, also the own one, leads to the namespace's root; bundle and sources are looked
/// up from the caller's again.
pub fn propagation(init: &mut Init, kind: u64) -> Result<()> {
    let (kind, recursive) = if kind == libc::MS_SHARED {
        (libc::MS_PRIVATE, Recursive::No)
    } else {
        (kind, Recursive::Yes)
    };
    let attr = MountAttr {
        propagation: kind,
        ..MountAttr::default()
    };
    let callers = open_directory("/").at("open root", "/")?;
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .at("open own process", "")?;
    setns(&own, libc::CLONE_NEWNS).at("go to the namespace's root", "/")?;
    mount_setattr_at(c"/", recursive, attr).at("set mount propagation", "/")?;
    rustix::process::fchdir(&callers)
        .and_then(|()| rustix::process::chroot("."))
        .at("go back to the caller's root", "/")?;
    leave(callers);
    init.own = Some(own);
    Ok(())
}

/// Makes the root's mount and attaches it at the bundle's root.path; where that cannot be
/// reached (a directory of root's, seen from a user namespace), on top of "/".
pub fn attach(init: &mut Init, mount: Mount, at: &Path) -> Result<()> {
    let tree = mounts::detached(init, &mount)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    match move_mount(&tree, "", CWD, at, flags) {
        Err(Errno::NOTDIR) => {
            let subject = at.display().to_string();
            return Err(Error::new("mount root", subject, "it is no directory"));
        }
        Err(Errno::ACCESS) => move_mount(&tree, "", CWD, "/", flags).at("attach root", "/")?,
        other => other.at("attach root", at.display().to_string())?,
    }
    init.root = Some(RootFd::new(tree));
    Ok(())
}

/// The root becomes "/" of this process; the host's root goes away with everything below it.
pub fn pivot(init: &mut Init) -> Result<()> {
    if let Some(own) = init.own.take() {
        // Not the caller's root, if that is another: the namespace's is to go.
        setns(&own, libc::CLONE_NEWNS).at("go to the namespace's root", "/")?;
        leave(own);
    }
    let shared = init.shares_mounts().then(|| open_directory("/"));
    rustix::process::fchdir(init.root()?).at("enter root", "/")?;
    rustix::process::pivot_root(".", ".").at("pivot to root", "/")?;
    if let Some(old) = shared {
        // The host would lose what is unmounted here.
        let slave = MountAttr {
            propagation: libc::MS_SLAVE,
            ..MountAttr::default()
        };
        mount_setattr(old.at("open root", "/")?, Recursive::Yes, slave)
            .at("set mount propagation", "/")?;
    }
    unmount(".", UnmountFlags::DETACH).at("unmount the host's root", "/")?;
    rustix::process::chdir("/").at("enter root", "/")
}

fn open_directory(path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
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
    let attr = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    let tree = copy_with(target.as_fd(), Recursive::Yes, attr)
        .at("make read-only", path.display().to_string())?;
    attach_at(&tree, &target, path)?;
    leave(tree);
    leave(target);
    Ok(())
}

/// Covers a directory with an empty one, a file with /dev/null. A missing one needs no cover.
pub fn mask(init: &mut Init, path: &Path) -> Result<()> {
    // Most are directories, and asking for one costs less than looking at what was opened.
    match init
        .root()?
        .open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
    {
        Ok(target) => mask_directory(init, target, path),
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTDIR) => match existing(init.root()?, path)? {
            Some(target) => mask_file(init, target, path),
            None => Ok(()),
        },
        Err(errno) => Err(Error::os(
            "open path in root",
            path.display().to_string(),
            errno,
        )),
    }
}

fn mask_directory(init: &mut Init, target: OwnedFd, path: &Path) -> Result<()> {
    match &init.empty {
        Some(empty) => {
            let tree = copy(empty, Recursive::No, path)?;
            attach_at(&tree, &target, path)?;
            leave(tree);
        }
        None => {
            let tree = empty(path)?;
            attach_at(&tree, &target, path)?;
            init.empty = Some(tree);
        }
    }
    leave(target);
    Ok(())
}

fn mask_file(init: &mut Init, target: OwnedFd, path: &Path) -> Result<()> {
    let null = match init.null.take() {
        Some(null) => null,
        None => null(init.root()?)?,
    };
    let tree = copy(&null, Recursive::No, path)?;
    init.null = Some(null);
    attach_at(&tree, &target, path)?;
    leave(tree);
    leave(target);
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
        &["ro", "nosuid", "nodev", "noexec", "nr_inodes=1", "mode=555"].map(str::to_owned),
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
