//! Mounts, by descriptor: each is made detached and attached to a target that is open already.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::init::Init;
use super::options::{Bind, Data, Options};
use super::plan::Mount;
use super::{cgroupfs, overlay};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::root::{self, RootFd};
use crate::spec::linux::NamespaceKind;
use crate::sys::descriptor::leave;
use crate::sys::mount::{MountAttr, Recursive, attr, mount_setattr};

const STEP: &str = "mount";

/// Executes one mount of config.json.
pub fn mount(init: &mut Init, mut mount: Mount) -> Result<()> {
    if matches!(mount.kind.as_str(), "cgroup" | "cgroup2") {
        return cgroupfs::mount(init, &mount);
    }
    if is_fresh_dev(&mount) {
        // It is filled first; `readonly_dev` follows.
        mount.options.attr.set &= !attr::RDONLY;
    }
    let tree = detached(init, &mount)?;
    // The root of a filesystem is a directory; only what is bound may be a file.
    let kind = match mount.options.bind {
        Some(_) => root::kind(&tree).at("look at mount", subject(&mount))?,
        None => FileType::Directory,
    };
    if mount.options.copy_up && mount.kind == "tmpfs" {
        copy_up(init.root()?, &mount.destination, &tree)?;
    }
    if !attach_below_dev(init, &tree, (&mount.destination, kind))? {
        let target = target(init.root()?, &mount.destination, kind)?;
        attach(&tree, &target, &mount.destination)?;
        leave(target);
    }
    if is_fresh_dev(&mount) {
        init.dev = Some(tree);
    } else {
        leave(tree);
    }
    Ok(())
}

pub fn is_fresh_dev(mount: &Mount) -> bool {
    mount.destination == Path::new("/dev") && mount.kind == "tmpfs"
}

/// What config.json wants read-only of /dev, when all is in it.
pub fn readonly_dev(init: &Init) -> Result<()> {
    let Some(dev) = &init.dev else {
        return Ok(());
    };
    let attr = MountAttr {
        set: attr::RDONLY,
        ..MountAttr::default()
    };
    set(init, dev, Recursive::No, attr, "/dev")
}

/// Copies what a tmpfs is going to cover.
fn copy_up(root: &RootFd, from: &Path, tree: &OwnedFd) -> Result<()> {
    let subject = from.display().to_string();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let source = match root.open(from, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other.at("open mount target", subject.clone())?,
    };
    let to = rustix::fs::openat(tree, ".", flags, Mode::empty()).at("open new tmpfs", subject)?;
    crate::tree::duplicate::duplicate(&source, &to).map(drop)
}

/// Attaches a mount right below the fresh /dev, where nothing can be in the way: the directory is made
/// without looking for it first, and is certainly that one. False: it is elsewhere, or was there already.
fn attach_below_dev(
    init: &Init,
    tree: &OwnedFd,
    (destination, kind): (&Path, FileType),
) -> Result<bool> {
    let (Some(dev), Some(name)) = (&init.dev, destination.strip_prefix("/dev").ok()) else {
        return Ok(false);
    };
    let subject = || destination.display().to_string();
    let is_one_name = matches!(
        name.components().collect::<Vec<_>>()[..],
        [std::path::Component::Normal(_)]
    );
    if !is_one_name || kind != FileType::Directory {
        return Ok(false);
    }
    match rustix::fs::mkdirat(dev, name, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => return Ok(false),
        other => other.at("make mount target", subject())?,
    }
    // Without MOVE_MOUNT_T_SYMLINKS a link would not be followed.
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(tree, "", dev, name, flags).at("attach mount", subject())?;
    Ok(true)
}

/// The mount as a tree that is nowhere yet, with all its flags.
pub fn detached(init: &Init, mount: &Mount) -> Result<OwnedFd> {
    let subject = subject(mount);
    let options = &mount.options;
    let tree = match (mount.kind.as_str(), options.bind) {
        (_, Some(bind)) => return bound(init, mount, bind),
        ("overlay", None) => overlay::make(&subject, options)?,
        ("devpts", None) => devpts(&subject, mount)?,
        (kind @ ("sysfs" | "proc"), None) => match filesystem(&subject, mount, options) {
            Err(error) if error.errno == Some(libc::EPERM) && may_show_hosts(init, kind) => {
                return hosts(init, mount, kind);
            }
            other => other?,
        },
        _ => filesystem(&subject, mount, options)?,
    };
    set(
        init,
        &tree,
        Recursive::No,
        MountAttr {
            set: 0,
            clear: 0,
            ..options.attr
        },
        &subject,
    )?;
    set(init, &tree, Recursive::Yes, options.tree, &subject)?;
    Ok(tree)
}

/// Attaches a detached tree at an open target.
pub fn attach(tree: impl AsFd, target: impl AsFd, at: &Path) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", target, "", flags).at("attach mount", at.display().to_string())
}

/// A copy of what is mounted at an open file or directory.
pub fn copy(of: impl AsFd, recursive: Recursive, at: &Path) -> Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive == Recursive::Yes {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(of, "", flags).at("copy mount", at.display().to_string())
}

/// The open target of a mount; made when it is missing: a directory for a directory, an empty
/// file for anything else. /proc and /sys may not be links: what is written there later must
/// reach the kernel and nothing else.
pub fn target(root: &RootFd, destination: &Path, kind: FileType) -> Result<OwnedFd> {
    let subject = destination.display().to_string();
    if destination == Path::new("/proc") || destination == Path::new("/sys") {
        match root.open_without_links(destination, OFlags::PATH) {
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(Error::new(
                    "open mount target",
                    subject,
                    "it is a symbolic link or no directory",
                )
                .hint("the root filesystem is broken or hostile: make it a directory"));
            }
            Err(Errno::NOENT) => {}
            other => return other.at("open mount target", subject),
        }
    }
    let made = if kind == FileType::Directory {
        root.make_dir(destination, 0o755)
    } else {
        root.make_file(destination)
    };
    made.map_err(|error| match error.errno {
        Some(libc::EROFS) => {
            error.hint("the root is read-only and lacks the mount target: make it there before")
        }
        _ => error,
    })
}

/// Changes flags of a detached tree. In a user namespace, flags that the host has locked (nosuid
/// and the like) stay, whatever is asked for.
pub fn set(
    init: &Init,
    tree: impl AsFd,
    recursive: Recursive,
    attr: MountAttr,
    subject: &str,
) -> Result<()> {
    if attr == MountAttr::default() {
        return Ok(());
    }
    match mount_setattr(&tree, recursive, attr) {
        Err(Errno::PERM) if init.in_user_namespace() && attr.clear != 0 => {
            log::debug(|| format!("{subject}: flags locked by the host stay"));
            let atime = attr::ATIME;
            let attr = MountAttr {
                clear: 0,
                set: attr.set & !atime,
                ..attr
            };
            mount_setattr(&tree, recursive, attr).at("set mount flags", subject)
        }
        other => other.at("set mount flags", subject),
    }
}

/// A procfs of our own. Where the kernel does not give one (nested containers), the host's, when
/// it is one for certain.
pub fn private_proc() -> Result<RootFd> {
    let made = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)
        .and_then(|context| fsconfig_create(&context).map(|()| context))
        .and_then(|context| {
            fsmount(
                &context,
                FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::empty(),
            )
        });
    if let Ok(tree) = made {
        return Ok(RootFd::new(tree));
    }
    const PROC_ROOT_INODE: u64 = 1;
    let host = RootFd::open_host(Path::new("/proc"))?;
    let filesystem = rustix::fs::fstatfs(&host).at("look at /proc", "/proc")?;
    let inode = rustix::fs::fstat(&host)
        .at("look at /proc", "/proc")?
        .st_ino;
    if filesystem.f_type != rustix::fs::PROC_SUPER_MAGIC || inode != PROC_ROOT_INODE {
        return Err(Error::new("open procfs", "/proc", "it is no procfs"));
    }
    Ok(host)
}

/// Writes a file of a procfs: not through a link that leads elsewhere, not across a mount.
pub fn write_proc(proc: &RootFd, path: &str, text: &str) -> Result<()> {
    let subject = format!("/proc/{path}");
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let file = rustix::fs::openat2(
        proc,
        path,
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
        resolve,
    )
    .at("write", subject.clone())?;
    rustix::io::write(&file, text.as_bytes())
        .at("write", subject)
        .map(drop)
}

/// A new filesystem, with what it says itself when it refuses.
pub fn filesystem(subject: &str, mount: &Mount, options: &Options) -> Result<OwnedFd> {
    let context = open_context(&mount.kind, subject)?;
    let run = || {
        if let Some(source) = &mount.source {
            fsconfig_set_string(&context, "source", source)?;
        }
        configure(&context, &options.data)?;
        fsconfig_create(&context)
    };
    run().map_err(|errno| explain(&context, subject, errno))?;
    finish(context, options, subject)
}

/// The options one by one.
pub fn configure(context: &OwnedFd, data: &[Data]) -> rustix::io::Result<()> {
    for option in data {
        match option {
            Data::Flag(name) => fsconfig_set_flag(context, name.as_str())?,
            Data::Value(name, value) => {
                fsconfig_set_string(context, name.as_str(), value.as_str())?
            }
        }
    }
    Ok(())
}

pub fn open_context(kind: &str, subject: &str) -> Result<OwnedFd> {
    fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .at(STEP, subject)
        .map_err(|error| match error.errno {
            Some(libc::ENODEV) => error.hint(format!("this kernel has no filesystem `{kind}`")),
            _ => error,
        })
}

/// The configured filesystem as a detached mount with the flags of the options.
pub fn finish(context: OwnedFd, options: &Options, subject: &str) -> Result<OwnedFd> {
    let flags = MountAttrFlags::from_bits_retain(options.attr.set as u32);
    let tree = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, flags).at(STEP, subject)?;
    leave(context);
    Ok(tree)
}

/// The kernel's own words about a refused mount wait in the context.
pub fn explain(context: &OwnedFd, subject: &str, errno: Errno) -> Error {
    let mut error = Error::os(STEP, subject, errno);
    let mut line = [0u8; 1024];
    while let Ok(length) = rustix::io::read(context, &mut line) {
        if length == 0 {
            break;
        }
        let said = String::from_utf8_lossy(&line[..length]);
        error.reason = format!(
            "{}: {}",
            error.reason,
            said.get(2..).unwrap_or(&said).trim()
        );
    }
    error
}

fn bound(init: &Init, mount: &Mount, bind: Bind) -> Result<OwnedFd> {
    let source = mount.source.as_deref().unwrap_or(Path::new("/"));
    let subject = format!("{} ({})", subject(mount), source.display());
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let recursive = flags | OpenTreeFlags::AT_RECURSIVE;
    let opened = match bind {
        // Made by the parent, who may give it other ids.
        _ if mount.is_mapped() => init.mapped(mount.index),
        Bind::Recursive => open_tree(CWD, source, recursive),
        // What the host has mounted below may cover something: without the right to uncover it,
        // the tree is shown as a whole or not at all.
        Bind::Single => open_tree(CWD, source, flags).or_else(|errno| match errno {
            Errno::INVAL if init.in_user_namespace() => open_tree(CWD, source, recursive),
            _ => Err(errno),
        }),
    };
    let tree = opened
        .at("open mount source", subject.as_str())
        .map_err(|error| match error.errno {
            Some(libc::ENOENT) => error.hint("the source of a bind mount must exist"),
            _ => error,
        })?;
    set(init, &tree, Recursive::No, mount.options.attr, &subject)?;
    set(init, &tree, Recursive::Yes, mount.options.tree, &subject)?;
    Ok(tree)
}

/// devpts without `gid=` where that group is not mapped: terminals then belong to the user's own.
fn devpts(subject: &str, mount: &Mount) -> Result<OwnedFd> {
    filesystem(subject, mount, &mount.options).or_else(|error| {
        let mut options = mount.options.clone();
        match options.take_value("gid") {
            Some(_) if error.errno == Some(libc::EINVAL) => filesystem(subject, mount, &options),
            _ => Err(error),
        }
    })
}

/// The kernel gives a new sysfs to the owner of the network namespace only, a new procfs to the
/// owner of the pid namespace; whoever shares the host's may see the host's.
fn may_show_hosts(init: &Init, kind: &str) -> bool {
    let owner = if kind == "sysfs" {
        NamespaceKind::Network
    } else {
        NamespaceKind::Pid
    };
    !init.config.linux.is_new(owner)
}

fn hosts(init: &Init, mount: &Mount, kind: &str) -> Result<OwnedFd> {
    let source = if kind == "sysfs" { "/sys" } else { "/proc" };
    let mut options = mount.options.clone();
    options.data.clear();
    // What is mounted below (the host's cgroups) is the container's no more than the top.
    options.tree.set |=
        options.attr.set & (attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC);
    let mount = Mount {
        source: Some(source.into()),
        kind: "bind".into(),
        options,
        ..mount.clone()
    };
    bound(init, &mount, Bind::Recursive)
}

fn subject(mount: &Mount) -> String {
    match mount.index {
        usize::MAX => mount.destination.display().to_string(),
        index => format!("mounts[{index}] {}", mount.destination.display()),
    }
}
