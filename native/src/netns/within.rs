//! Into the namespaces of another process.

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{ThreadNameSpaceType as Kind, move_into_thread_name_spaces};

use crate::error::{Context, Error, Result};

/// This process goes on in the user, mount and network namespaces of `pid`, with all capabilities
/// there.
pub fn enter(pid: i32) -> Result<()> {
    let subject = || format!("process {pid}");
    let target = Pid::from_raw(pid)
        .ok_or_else(|| Error::new("find process", subject(), "no such number"))?;
    let fd = pidfd_open(target, PidfdFlags::empty()).at("find process", subject())?;
    let kinds = Kind::USER | Kind::MOUNT | Kind::NETWORK;
    move_into_thread_name_spaces(std::os::fd::AsFd::as_fd(&fd), kinds)
        .at("join namespaces", subject())
}
