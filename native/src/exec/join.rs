//! The short-lived process that enters a container and leaves a child there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{ThreadNameSpaceType as Kind, move_into_thread_name_spaces};

use crate::cgroup::Cgroups;
use crate::error::{Context, Error, Result};
use crate::exec::{SubCgroup, inside, plan::Plan};
use crate::launch::channel::{Channel, Message};
use crate::process::attributes;
use crate::state::State;
use crate::sys::process;
use crate::terminal::foreground::Stdio;

/// What the process takes with it.
pub struct Ends {
    pub channel: Channel,
    pub stdio: Stdio,
}

/// Joins, makes the child, tells the caller and is gone.
pub fn run(plan: &Plan, state: &State, init: BorrowedFd<'_>, ends: Ends) -> ! {
    let made = attributes::affinity(plan.process.exec_cpu_affinity.as_ref(), "initial")
        .and_then(|()| enter(plan, state, init))
        .and_then(|()| {
            // The caller is to be its parent: it waits for it, and learns its exit code.
            process::clone3(libc::CLONE_PARENT as u64, None).at("fork inside", state.id.as_str())
        });
    let said = match made {
        Ok(None) => inside::run(plan, ends),
        Ok(Some(child)) => ends
            .channel
            .send(&Message::Made(child.pid), Some(child.pidfd.as_fd())),
        Err(error) => ends.channel.send(&Message::Failed(error), None),
    };
    process::exit(i32::from(said.is_err()))
}

fn enter(plan: &Plan, state: &State, init: BorrowedFd<'_>) -> Result<()> {
    // From here on nobody inside may look into this process, or into its child before it has
    // become the command: descriptors and the binary of the host are still open in it.
    // Before that, its own /proc files must still be its own.
    let mut write = |path: &str, text: &str| {
        let path = format!("/proc/{path}");
        std::fs::write(&path, text).at("write", path)
    };
    if let Some(score) = plan.process.oom_score_adj {
        attributes::oom_score(score, &mut write)?;
    }
    attributes::set(&plan.process, &mut write)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).at("protect process", "")?;
    let namespaces = foreign(state)?;
    let root = root(state)?;
    directories(state, &plan.cgroups).add(rustix::process::getpid())?;
    attributes::affinity(plan.process.exec_cpu_affinity.as_ref(), "final")?;
    move_into_thread_name_spaces(init, namespaces)
        .at("join namespaces", state.id.as_str())
        .map_err(|error| match error.errno {
            Some(libc::ESRCH) => gone(state),
            Some(libc::EPERM) => error.hint("only its owner and root can enter a container"),
            _ => error,
        })?;
    // A namespace's root is not the container's where it has none of its own, or where its init has
    // only changed its root directory.
    rustix::process::fchdir(&root)
        .and_then(|()| rustix::process::chroot("."))
        .at("enter root", state.id.as_str())
}

/// The container's cgroups, or those below that were asked for.
fn directories(state: &State, below: &[SubCgroup]) -> Cgroups {
    let mut directories = state.cgroup.clone();
    for SubCgroup { controllers, path } in below {
        for (name, directory) in &mut directories {
            if controllers.is_empty() || controllers.contains(name) {
                directory.push(path);
            }
        }
    }
    Cgroups::from_directories(directories).in_unit(state.unit.clone())
}

/// The root directory of the init, which may be another than that of its mount namespace.
fn root(state: &State) -> Result<OwnedFd> {
    let path = format!("/proc/{}/root", state.pid);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).at("open root", path)
}

/// Those namespaces of the init that are not ours already: joining one's own user namespace is
/// an error, and the rest is waste.
fn foreign(state: &State) -> Result<Kind> {
    #[rustfmt::skip]
    const NAMES: [(&str, Kind); 8] = [
        ("user", Kind::USER), ("mnt", Kind::MOUNT), ("pid", Kind::PROCESS_ID), ("net", Kind::NETWORK),
        ("ipc", Kind::INTER_PROCESS_COMMUNICATION), ("uts", Kind::HOST_NAME_AND_NIS_DOMAIN_NAME),
        ("cgroup", Kind::CONTROL_GROUP), ("time", Kind::TIME),
    ];
    let mut kinds = Kind::empty();
    for (name, kind) in NAMES {
        if inode(&state.pid.to_string(), name)? != inode("self", name)? {
            kinds |= kind;
        }
    }
    // What was read may be of another process if the init had ended before.
    if state.init().is_alive() {
        Ok(kinds)
    } else {
        Err(gone(state))
    }
}

/// The identity of a namespace; 0 when the kernel does not know the kind.
fn inode(process: &str, name: &str) -> Result<u64> {
    let path = format!("/proc/{process}/ns/{name}");
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        other => other
            .at("read namespace", path)
            .map(|metadata| metadata.ino()),
    }
}

fn gone(state: &State) -> Error {
    Error::new(
        "join namespaces",
        state.id.as_str(),
        "the container has just stopped",
    )
}
