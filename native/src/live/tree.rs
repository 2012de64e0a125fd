//! Mounts as trees that are nowhere yet.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::error::{Context, Error, Result};
use crate::launch::mounts::filesystem;
use crate::launch::options::Bind;
use crate::launch::plan::Mount;
use crate::live::enter::Host;
use crate::sys::mount::{MountAttr, Recursive, attr, mount_setattr};

/// Makes it, with all its flags. `kind` is `tmpfs` or a bind.
pub fn make(host: &Host, mount: &Mount) -> Result<OwnedFd> {
    let subject = mount.destination.display().to_string();
    let options = &mount.options;
    if options.idmap.is_some() {
        return Err(Error::new(
            "mount",
            subject,
            "id-mapped mounts are not supported",
        ));
    }
    match options.bind {
        Some(bind) => bound(host, mount, bind),
        None => {
            let tree = filesystem(&subject, mount, options)?;
            let attr = MountAttr {
                set: 0,
                clear: 0,
                ..options.attr
            };
            set(host, &tree, Recursive::No, attr, &subject)?;
            Ok(tree)
        }
    }
}

fn bound(host: &Host, mount: &Mount, bind: Bind) -> Result<OwnedFd> {
    let source = mount.source.as_deref().unwrap_or(Path::new("/"));
    let subject = format!("{} ({})", mount.destination.display(), source.display());
    let single = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let recursive = single | OpenTreeFlags::AT_RECURSIVE;
    let opened = match bind {
        Bind::Recursive => open_tree(CWD, source, recursive),
        // In a user namespace what covers something is shown as a whole or not at all.
        Bind::Single => open_tree(CWD, source, single).or_else(|errno| match errno {
            Errno::INVAL if host.in_user_namespace => open_tree(CWD, source, recursive),
            _ => Err(errno),
        }),
    };
    let tree = opened
        .at("open mount source", subject.as_str())
        .map_err(|error| match error.errno {
            Some(libc::ENOENT) => error.hint("the source of a bind mount must exist"),
            _ => error,
        })?;
    set(host, &tree, Recursive::No, mount.options.attr, &subject)?;
    set(host, &tree, Recursive::Yes, mount.options.tree, &subject)?;
    Ok(tree)
}

/// Flags that the host has locked stay in a user namespace, whatever is asked for.
fn set(
    host: &Host,
    tree: &OwnedFd,
    recursive: Recursive,
    attr: MountAttr,
    subject: &str,
) -> Result<()> {
    if attr == MountAttr::default() {
        return Ok(());
    }
    match mount_setattr(tree, recursive, attr) {
        Err(Errno::PERM) if host.in_user_namespace && attr.clear != 0 => {
            let attr = MountAttr {
                clear: 0,
                set: attr.set & !attr::ATIME,
                ..attr
            };
            mount_setattr(tree, recursive, attr).at("set mount flags", subject)
        }
        other => other.at("set mount flags", subject),
    }
}
