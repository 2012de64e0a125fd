//! `pavlosc device`: device nodes of running containers, and who may use them.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use serde::Deserialize;

use crate::cgroup;
use crate::error::{Context, Error, Result};
use crate::launch::devices::{file_type, hosts, verify};
use crate::launch::mounts::{attach, copy};
use crate::live::enter::{self, Host, Inside};
use crate::live::holders::{self, Sought};
use crate::live::links::{self, Link};
use crate::live::rules::Setter;
use crate::live::{Failure, Outcome, Request, Target, umount};
use crate::loader::compat::Compat;
use crate::loader::{self, Loader};
use crate::spec::linux::Device;
use crate::spec::resources::DeviceRule;
use crate::sys::mount::Recursive;

/// What is asked of one container: all of it or nothing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    id: String,
    /// As linux.devices of config.json.
    #[serde(default)]
    add: Vec<Device>,
    #[serde(default)]
    remove: Vec<Device>,
    #[serde(default)]
    link: Vec<Link>,
    #[serde(default)]
    unlink: Vec<Link>,
    /// Directories of libraries that the loader inside is to know, or, without names, to forget.
    #[serde(default)]
    loader: Vec<Loader>,
    /// Libraries that an image may bring for CUDA, and the driver that they would be used with.
    compat: Option<Compat>,
    /// linux.resources.devices as it is to be, as a whole; absent: unchanged.
    rules: Option<Vec<DeviceRule>>,
    /// Changes nothing: would the removal be possible?
    #[serde(default)]
    check: bool,
}

impl Request for Item {
    fn id(&self) -> &str {
        &self.id
    }

    fn subject(&self) -> Option<&Path> {
        None
    }
}

/// All items of one container, in order.
pub fn serve(
    target: &Target<'_>,
    items: &[(usize, Item)],
    answer: &mut dyn FnMut(usize, Outcome),
) -> Result<()> {
    // Outside of any user namespace of the container: there nobody may change rules.
    let may_set_rules = !cgroup::unprivileged();
    let cgroups = target.state.cgroups();
    let setters: Vec<Option<Setter>> = items
        .iter()
        .map(|(_, item)| match &item.rules {
            Some(rules) if may_set_rules && !item.check => Setter::new(&cgroups, rules).map(Some),
            _ => Ok(None),
        })
        .collect::<Result<_>>()?;
    let host = enter::user(target)?;
    let nodes: Vec<Result<Vec<Node<'_>>>> = items
        .iter()
        .map(|(_, item)| new_nodes(&host, item))
        .collect();
    let inside = enter::mounts(target, host)?;
    for (position, (((_, item), nodes), setter)) in
        items.iter().zip(nodes).zip(&setters).enumerate()
    {
        let outcome = nodes
            .map_err(Into::into)
            .and_then(|nodes| perform(&inside, item, nodes, setter.as_ref()));
        answer(position, outcome);
    }
    Ok(())
}

/// A node to add, with the host's as a mount where none can be made.
struct Node<'a> {
    device: &'a Device,
    host: Option<OwnedFd>,
}

fn new_nodes<'a>(host: &Host, item: &'a Item) -> Result<Vec<Node<'a>>> {
    let node = |device: &'a Device| {
        let host = host
            .in_user_namespace
            .then(|| hosts(device).and_then(|fd| copy(&fd, Recursive::No, &device.path)))
            .transpose()?;
        Ok(Node { device, host })
    };
    match item.check {
        true => Ok(Vec::new()),
        false => item.add.iter().map(node).collect(),
    }
}

/// New nodes come before the rules that allow them, old ones go after: after an error nothing new
/// is left.
fn perform(inside: &Inside, item: &Item, nodes: Vec<Node<'_>>, setter: Option<&Setter>) -> Outcome {
    for device in &item.remove {
        unused(inside, device)?;
    }
    if item.check {
        return Ok(());
    }
    let mut made: Vec<&Device> = Vec::new();
    let mut linked: Vec<&Link> = Vec::new();
    let added = add_all(inside, item, nodes, (&mut made, &mut linked))
        .and_then(|()| loader::set(&inside.root, &item.loader, item.compat.as_ref()))
        .and_then(|()| setter.map_or(Ok(()), Setter::set));
    if let Err(error) = added {
        // The first error is the one to show; what cannot be undone is harmless without its rule.
        for link in linked {
            let _ = links::remove(&inside.root, link);
        }
        for device in made {
            let _ = remove(inside, device);
        }
        return Err(error.into());
    }
    for link in &item.unlink {
        links::remove(&inside.root, link)?;
    }
    for device in &item.remove {
        remove(inside, device)?;
    }
    Ok(())
}

fn add_all<'a>(
    inside: &Inside,
    item: &'a Item,
    nodes: Vec<Node<'a>>,
    (made, linked): (&mut Vec<&'a Device>, &mut Vec<&'a Link>),
) -> Result<()> {
    for node in nodes {
        // Gone with this: an open tree would keep its mount from being removed again.
        let Node { device, host } = node;
        if add(inside, device, host)? {
            made.push(device);
        }
    }
    for link in &item.link {
        if links::make(&inside.root, link)? {
            linked.push(link);
        }
    }
    Ok(())
}

/// True: it was not there before.
fn add(inside: &Inside, device: &Device, host: Option<OwnedFd>) -> Result<bool> {
    if let Some(there) = existing(inside, device)? {
        check(&there, device)?;
        return Ok(false);
    }
    if let Some(tree) = host {
        let target = inside.root.make_file(&device.path)?;
        return attach(&tree, &target, &device.path).map(|()| true);
    }
    let subject = device.path.display().to_string();
    let (parent, name) = split(&device.path)?;
    let parent = inside.root.make_dir(parent, 0o755)?;
    let mode = Mode::from_raw_mode(device.file_mode.unwrap_or(0o666) & 0o7777);
    let number = rustix::fs::makedev(device.major, device.minor);
    rustix::fs::mknodat(&parent, name, file_type(device.kind), mode, number)
        .at("make device", subject.clone())?;
    let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::chownat(&parent, name, Some(uid), Some(gid), flags)
        .at("give device to its owner", subject)
        .map(|()| true)
}

/// Only the very device goes away; a missing one is fine.
fn remove(inside: &Inside, device: &Device) -> Outcome {
    let subject = device.path.display().to_string();
    let Some(there) = existing(inside, device)? else {
        return Ok(());
    };
    check(&there, device)?;
    drop(there);
    if let Some(mounted) = umount::find(inside, &device.path)? {
        umount::remove(inside, &mounted)?;
    }
    let (parent, name) = split(&device.path)?;
    let parent = inside
        .root
        .open(parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
        .at("open directory", subject.clone())?;
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Error::os("remove device", subject, errno).into()),
    }
}

/// Known by its node: others of the same number (every process has a /dev/null) do not count.
fn unused(inside: &Inside, device: &Device) -> Outcome {
    let subject = device.path.display().to_string();
    let Some(there) = existing(inside, device)? else {
        return Ok(());
    };
    check(&there, device)?;
    let stat = rustix::fs::fstat(&there).at("look at device", subject.clone())?;
    drop(there);
    let sought = Sought::File {
        device: stat.st_dev,
        inode: stat.st_ino,
    };
    let holders = holders::find(&inside.host.proc, &sought)?;
    if holders.is_empty() {
        return Ok(());
    }
    Err(Failure {
        error: Box::new(holders::busy("remove device", &subject, &holders)),
        holders,
    })
}

fn check(fd: &OwnedFd, device: &Device) -> Result<()> {
    let kind = file_type(device.kind);
    verify(fd, kind, device.major, device.minor, &device.path)
}

fn existing(inside: &Inside, device: &Device) -> Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    match inside.root.open(&device.path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        other => other
            .at("open device", device.path.display().to_string())
            .map(Some),
    }
}

fn split(path: &Path) -> Result<(&Path, &std::ffi::OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::new(
            "make device",
            path.display().to_string(),
            "the path has no last name",
        )),
    }
}
