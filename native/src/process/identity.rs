//! Ids, capabilities, working directory and system-call filter, in the only order that works.

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::error::{Context, Error, Result};
use crate::process::capability::mask;
use crate::seccomp::Filter;
use crate::spec::process::{Capabilities, Process};
use crate::sys::process::{self as sys, Capabilities as Sets};
use crate::user::User;

const UNMAPPED: &str = "the id is not mapped in the container's user namespace";

/// Becomes `user` with the capabilities of `process`, in its working directory, under `filter`.
/// Without capabilities in the document there are none.
pub fn assume(process: &Process, user: &User, filter: Option<&Filter>) -> Result<()> {
    let none = Capabilities::default();
    let wanted = process.capabilities.as_ref().unwrap_or(&none);
    rustix::process::umask(Mode::from_raw_mode(process.user.umask.unwrap_or(0o022)));
    drop_bounding(mask(&wanted.bounding))?;
    sys::prctl(libc::PR_SET_KEEPCAPS, 1, 0).at("keep capabilities", "")?;
    become_user(user)?;
    sys::prctl(libc::PR_SET_KEEPCAPS, 0, 0).at("keep capabilities", "")?;
    enter_directory(process)?;
    if let (Some(filter), false) = (filter, process.no_new_privileges) {
        // Without no_new_privs it takes CAP_SYS_ADMIN, which may go with the next step.
        let now = sys::capabilities().at("read capabilities", "")?;
        sys::set_capabilities(Sets {
            effective: now.permitted,
            ..now
        })
        .at("set capabilities", "")?;
        filter.install()?;
    }
    set_capabilities(wanted)?;
    if process.no_new_privileges {
        sys::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).at("set no_new_privs", "")?;
        // Last: what it forbids is not needed any more.
        if let Some(filter) = filter {
            filter.install()?;
        }
    }
    Ok(())
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
            crate::log::warn("supplementary groups cannot be set in this user namespace")
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
fn enter_directory(process: &Process) -> Result<()> {
    let subject = process.cwd.display().to_string();
    let path = if process.cwd.as_os_str().is_empty() {
        "/".as_ref()
    } else {
        process.cwd.as_path()
    };
    rustix::process::chdir(path)
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

fn drop_bounding(keep: u64) -> Result<()> {
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
    let sets = Sets {
        effective: mask(&wanted.effective),
        permitted: mask(&wanted.permitted),
        inheritable: mask(&wanted.inheritable),
    };
    sys::set_capabilities(sets).at("set capabilities", "process.capabilities").map_err(|error| {
        error.hint("capabilities that the caller lacks cannot be given, and effective ones must be permitted")
    })?;
    sys::prctl(
        libc::PR_CAP_AMBIENT,
        libc::PR_CAP_AMBIENT_CLEAR_ALL as u64,
        0,
    )
    .at("clear ambient capabilities", "")?;
    let ambient = mask(&wanted.ambient);
    for number in (0..64u64).filter(|number| ambient & 1 << number != 0) {
        sys::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE as u64,
            number,
        )
        .at("raise ambient capability", "process.capabilities.ambient")
        .map_err(|error| {
            error.hint("an ambient capability must be permitted and inheritable too")
        })?;
    }
    Ok(())
}
