//! `io.pavlos.init`: pid 1 stays in this program, reaps what is orphaned and hands signals on;
//! the command is its child.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::WaitOptions;

use super::init::Init;
use crate::error::{Context, Result};
use crate::process::identity;
use crate::sys;
use crate::sys::process::{Capabilities, clone3, prctl};
use crate::sys::signal::Signals;

/// CAP_KILL: to hand signals on to any user.
const KILL: u64 = 1 << 5;

/// Comes back in the child, which goes on with the plan; the parent never does.
pub fn split(init: &mut Init) -> Result<()> {
    close_to_others(init)?;
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0).at("become reaper", "")?;
    let signals = Signals::block(1..=64)?;
    match clone3(0, None).at("fork command", "")? {
        Some(child) => serve(signals, child.pid),
        None => {
            if init.request.die_with_parent
                || !init
                    .config
                    .linux
                    .is_new(crate::spec::linux::NamespaceKind::Pid)
            {
                prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0).at("tie to parent", "")?;
            }
            sys::signal::unblock_all();
            Ok(())
        }
    }
}

/// Reaps and forwards until the command ends; its exit code is ours. The other processes of the
/// container end with pid 1.
fn serve(signals: Signals, command: i32) -> ! {
    let _ = prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0);
    let _ = identity::drop_bounding(0);
    let _ = sys::process::set_capabilities(Capabilities {
        effective: KILL,
        permitted: KILL,
        inheritable: 0,
    });
    keep_only(&signals);
    loop {
        let mut fds = [PollFd::new(&signals, PollFlags::IN)];
        let _ = poll(&mut fds, None);
        while let Some(signal) = signals.read() {
            if signal != libc::SIGCHLD {
                sys::signal::kill(command, signal);
            }
        }
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid.as_raw_nonzero().get() == command {
                let signal = status.terminating_signal().map(|signal| 128 + signal);
                sys::process::exit(status.exit_status().or(signal).unwrap_or(1));
            }
        }
    }
}

/// `io.pavlos.idle`: there is no command. Reaps until anything but a child's end or a window's new
/// size is signalled, and ends with exit code 0. Closing the channel says that the start was fine.
pub fn idle(init: &Init) -> Result<()> {
    close_to_others(init)?;
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0).at("become reaper", "")?;
    let signals = Signals::block(1..=64)?;
    let _ = prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0);
    let _ = identity::drop_bounding(0);
    let _ = sys::process::set_capabilities(Capabilities {
        effective: 0,
        permitted: 0,
        inheritable: 0,
    });
    keep_only(&signals);
    loop {
        let mut fds = [PollFd::new(&signals, PollFlags::IN)];
        let _ = poll(&mut fds, None);
        while let Some(signal) = signals.read() {
            if !matches!(signal, libc::SIGCHLD | libc::SIGWINCH | libc::SIGCONT) {
                sys::process::exit(0);
            }
        }
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
}

/// Nobody inside may look into this process or borrow its rights. Its memory is of the program that
/// the host started: closed, it would be closed to the owner of the user namespace too, and `exec`
/// and `stop` need its namespaces. There the ids and the capabilities it keeps protect it.
fn close_to_others(init: &Init) -> Result<()> {
    let dumpable = u64::from(init.in_user_namespace());
    prctl(libc::PR_SET_DUMPABLE, dumpable, 0)
        .at("close process to others", "")
        .map(drop)
}

/// Everything else that is open belongs to the command or to the creation.
fn keep_only(signals: &Signals) {
    use std::os::fd::{AsFd, AsRawFd};
    sys::process::close_others(vec![signals.as_fd().as_raw_fd().cast_unsigned()]);
}
