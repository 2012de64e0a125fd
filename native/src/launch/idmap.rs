//! Mounts whose files have other ids than on the disk. The kernel lets only the owner of the
//! filesystem make them, so the parent does, before init may be in a user namespace.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use super::options::{Bind, Options};
use super::userns::Mapping;
use crate::error::{Context, Error, Result};
use crate::spec::Config;
use crate::spec::config::Mount;
use crate::sys::mount::{MountAttr, Recursive, attr, mount_setattr};
use crate::sys::process::{clone3, exit};

/// The detached trees of those mounts, by their index in config.json.
pub fn prepare(config: &Config, bundle: &Path) -> Result<BTreeMap<usize, OwnedFd>> {
    let mut trees = BTreeMap::new();
    for (index, mount) in config.mounts.iter().enumerate() {
        let options = Options::parse(&mount.options);
        let own = !mount.uid_mappings.is_empty();
        if own || options.idmap.is_some() {
            let subject = format!("mounts[{index}] {}", mount.destination.display());
            trees.insert(index, tree(config, mount, (&options, bundle), &subject)?);
        }
    }
    Ok(trees)
}

fn tree(
    config: &Config,
    mount: &Mount,
    (options, bundle): (&Options, &Path),
    subject: &str,
) -> Result<OwnedFd> {
    let (Some(source), true) = (
        &mount.source,
        options.bind.is_some() || mount.kind.as_deref() == Some("bind"),
    ) else {
        return Err(Error::new(
            "check bundle",
            subject,
            "only a bind mount can have id mappings",
        ));
    };
    // Without mappings of its own it has those of the container.
    let (uids, gids) = if mount.uid_mappings.is_empty() {
        (&config.linux.uid_mappings, &config.linux.gid_mappings)
    } else {
        (&mount.uid_mappings, &mount.gid_mappings)
    };
    let namespace = namespace(Mapping::new(uids.clone(), gids.clone()), subject)?;
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if options.bind == Some(Bind::Recursive) {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let tree = open_tree(CWD, bundle.join(source), flags).at("open mount source", subject)?;
    let attr = MountAttr {
        set: attr::IDMAP,
        userns_fd: namespace.as_fd().as_raw_fd().cast_unsigned().into(),
        ..MountAttr::default()
    };
    let reach = if options.idmap == Some(Bind::Recursive) {
        Recursive::Yes
    } else {
        Recursive::No
    };
    mount_setattr(&tree, reach, attr)
        .at("map the ids of a mount", subject)
        .map_err(|error| match error.errno {
            Some(libc::EINVAL) => {
                error.hint("its filesystem cannot have mapped ids in this kernel")
            }
            Some(libc::EPERM) => error.hint("only root can map the ids of a mount"),
            _ => error,
        })?;
    Ok(tree)
}

/// A user namespace of the mappings, held open by nothing but its descriptor.
fn namespace(mapping: Mapping, subject: &str) -> Result<OwnedFd> {
    let holder = clone3(libc::CLONE_NEWUSER as u64, None).at("make user namespace", subject)?;
    let Some(holder) = holder else {
        // Killed below; if the parent is gone before, there is nobody to wait for.
        loop {
            if rustix::event::poll(&mut [], None) != Err(Errno::INTR) {
                exit(0);
            }
        }
    };
    let path = format!("/proc/{}/ns/user", holder.pid);
    let opened = mapping.write(holder.pid).and_then(|()| {
        rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .at("open namespace", path.clone())
    });
    let _ = pidfd_send_signal(&holder.pidfd, Signal::KILL);
    let _ = waitid(WaitId::PidFd(holder.pidfd.as_fd()), WaitIdOptions::EXITED);
    opened
}
