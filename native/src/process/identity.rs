//! Ids, capabilities, working directory and system-call filter, in the only order that works.

use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::log;
use crate::process::capability::mask;
use crate::seccomp::Filter;
use crate::spec::process::{Capabilities, Process};
use crate::sys::process::{self as sys, Capabilities as Sets};
use crate::user::User;

const UNMAPPED: &str = "the id is not mapped in the container's user namespace";

/// Becomes `user` with the capabilities of `process`, in its working directory, under `filter`.
/// Without capabilities in the document there are none. The working directory of the calling process
/// is its root. `Some`: the listener of a filter that has one.
/// `settle` is what a change of ids undoes and the filter may forbid.
pub fn assume(
    process: &Process,
    user: &User,
    filter: Option<&Filter>,
    settle: impl FnOnce() -> Result<()>,
) -> Result<Option<OwnedFd>> {
    let none = Capabilities::default();
    let wanted = process.capabilities.as_ref().unwrap_or(&none);
    let elsewhere = !matches!(process.cwd.as_os_str().as_bytes(), b"" | b"/");
    // One that only root could enter is kept.
    let entered = elsewhere.then(|| rustix::process::chdir(&process.cwd));
    let umask = process.user.umask.unwrap_or(0o022) & 0o777;
    rustix::process::umask(Mode::from_raw_mode(umask));
    drop_bounding(mask(&wanted.bounding))?;
    // Only a change from user 0 to another takes them away.
    if user.uid != 0 {
        sys::prctl(libc::PR_SET_KEEPCAPS, 1, 0).at("keep capabilities", "")?;
    }
    become_user(user)?;
    settle()?;
    if let Some(before) = entered {
        enter_directory(process, before)?;
    }
    if process.no_new_privileges {
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).at("set no_new_privs", "")?;
        set_capabilities(wanted)?;
        // Last: what it forbids is not needed any more.
        return filter.map_or(Ok(None), Filter::install);
    }
    // Without no_new_privs it takes CAP_SYS_ADMIN, which may go with the next step.
    let mut listener = None;
    if let Some(filter) = filter {
        let now = sys::capabilities().at("read capabilities", "")?;
        sys::set_capabilities(Sets {
            effective: now.permitted,
            ..now
        })
        .at("set capabilities", "")?;
        listener = filter.install()?;
    }
    set_capabilities(wanted)?;
    Ok(listener)
}

fn become_user(user: &User) -> Result<()> {
    let subject = |id: u32| {
        move |error: Error| match error.errno {
            Some(libc::EINVAL) => Error {
                reason: UNMAPPED.to_owned(),
                ..error
            }
            .hint(format!("use another id than {id}, or map more ids")),
            _ => error,
        }
    };
    match sys::set_groups(&user.groups) {
        // A single-id mapping forbids it: the caller's groups stay, and stay unmapped.
        Err(Errno::PERM) => {
            if !user.groups.is_empty() {
                log::warn(
                    "supplementary groups are not set: this user namespace does not allow it",
                );
            }
        }
        other => other
            .at("set groups", format!("{:?}", user.groups))
            .map_err(subject(user.gid))?,
    }
    sys::set_gid(user.gid)
        .at("set group", user.gid.to_string())
        .map_err(subject(user.gid))?;
    sys::set_uid(user.uid)
        .at("set user", user.uid.to_string())
        .map_err(subject(user.uid))
}

/// After the ids are set: the directory must be one that the user may enter.
fn enter_directory(process: &Process, before: rustix::io::Result<()>) -> Result<()> {
    let subject = process.cwd.display().to_string();
    rustix::process::chdir(&process.cwd)
        .or(before)
        .at("enter working directory", subject.clone())
        .map_err(|error| {
            error.hint("process.cwd must exist inside, and the user must be allowed to enter it")
        })?;
    // A link to a descriptor of the host's would end up outside the root: the kernel says so.
    match rustix::process::getcwd(Vec::new()) {
        Ok(path) if path.to_bytes().starts_with(b"/") => Ok(()),
        Ok(_) | Err(Errno::NOENT) => Err(Error::new(
            "enter working directory",
            subject,
            "the directory is outside the container's root",
        )),
        Err(errno) => Err(Error::os("read working directory", subject, errno)),
    }
}

/// Removes everything else from the bounding set.
pub fn drop_bounding(keep: u64) -> Result<()> {
    for number in 0..64u32 {
        if keep & 1 << number != 0 {
            continue;
        }
        match sys::prctl(libc::PR_CAPBSET_DROP, number.into(), 0) {
            Ok(_) => {}
            // The kernel knows no more.
            Err(Errno::INVAL) => break,
            Err(_) if sys::prctl(libc::PR_CAPBSET_READ, number.into(), 0) == Ok(0) => {}
            Err(errno) => return Err(Error::os("drop capability", number.to_string(), errno)),
        }
    }
    Ok(())
}

fn set_capabilities(wanted: &Capabilities) -> Result<()> {
    let all = Sets {
        permitted: mask(&wanted.permitted),
        effective: mask(&wanted.effective) & mask(&wanted.permitted),
        inheritable: mask(&wanted.inheritable),
    };
    if sys::set_capabilities(all).is_err() {
        // What this process lacks itself (root of a container, some hosts) cannot be given.
        let own = sys::capabilities().at("read capabilities", "")?;
        sys::set_capabilities(Sets {
            permitted: all.permitted & own.permitted,
            effective: all.effective & own.permitted,
            inheritable: all.inheritable & (own.permitted | own.inheritable),
        })
        .at("set capabilities", "process.capabilities")?;
    }
    let ambient = mask(&wanted.ambient);
    for number in (0..64u64).filter(|number| ambient & 1 << number != 0) {
        let raise = libc::PR_CAP_AMBIENT_RAISE as u64;
        if let Err(errno) = sys::prctl(libc::PR_CAP_AMBIENT, raise, number) {
            log::warn(&format!(
                "ambient capability {number} is not set ({errno}): it must be permitted and inheritable too"
            ));
        }
    }
    Ok(())
}
