//! `linux.seccomp` to a BPF program, and its installation.

mod arguments;
mod assembler;
mod policy;
mod table;
mod tree;

use std::os::fd::OwnedFd;

use crate::error::{Context, Error, Result};
use crate::spec::seccomp::{Action, Arch, Flag, Seccomp};
use crate::sys;

/// A compiled filter, ready to install.
#[derive(Debug, Clone)]
pub struct Filter {
    program: Vec<libc::sock_filter>,
    flags: libc::c_ulong,
}

/// Compiles for this machine. Errors name the field; unknown system calls are passed over. Where
/// the default action forbids, calls newer than the newest that is listed give ENOSYS, so that
/// programs fall back to older ones.
pub fn compile(seccomp: &Seccomp) -> Result<Filter> {
    const NATIVE: Arch = if cfg!(target_arch = "aarch64") {
        Arch::Aarch64
    } else {
        Arch::X86_64
    };
    if notifies(seccomp) && seccomp.listener_path.is_none() {
        // Without somebody at the listener each such call would fail with ENOSYS.
        let reason = "SCMP_ACT_NOTIFY needs somebody who answers, and there is no listenerPath";
        return Err(Error::new("check linux.seccomp", "syscalls", reason)
            .hint("name an agent's socket, allow these calls, or give them an errno"));
    }
    let policy = policy::resolve(seccomp, NATIVE)?;
    Ok(Filter {
        program: tree::program(&policy),
        flags: flags(seccomp),
    })
}

impl Filter {
    #[cfg(test)]
    pub fn length(&self) -> usize {
        self.program.len()
    }

    /// Installs it for this thread and what it starts: for good. It needs no_new_privs or
    /// CAP_SYS_ADMIN. Allocates nothing unless it fails. `Some`: the descriptor on which the
    /// calls with action NOTIFY are heard.
    pub fn install(&self) -> Result<Option<OwnedFd>> {
        sys::seccomp::install(&self.program, self.flags)
            .at("install the seccomp filter", "linux.seccomp")
            .map_err(|error| error.hint("it needs process.noNewPrivileges or CAP_SYS_ADMIN, and a kernel with CONFIG_SECCOMP_FILTER"))
    }
}

/// SPEC_ALLOW unless the profile says otherwise: a filter should not switch off speculation.
fn flags(seccomp: &Seccomp) -> libc::c_ulong {
    let asked = seccomp.flags.as_deref().unwrap_or(&[Flag::SpecAllow]);
    let notify = notifies(seccomp);
    let bit = |flag: &Flag| match flag {
        // There is one thread, and the kernel does not take it together with a listener.
        Flag::Tsync => 0,
        Flag::Log => libc::SECCOMP_FILTER_FLAG_LOG,
        Flag::SpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        // Without a listener the kernel refuses it.
        Flag::WaitKillableRecv if !notify => 0,
        Flag::WaitKillableRecv => libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
    };
    let listener = if notify {
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER
    } else {
        0
    };
    asked.iter().map(bit).fold(listener, |all, flag| all | flag)
}

fn notifies(seccomp: &Seccomp) -> bool {
    let mut rules = seccomp.syscalls.iter();
    rules.any(|rule| rule.action == Action::Notify)
}

#[cfg(test)]
mod tests;
