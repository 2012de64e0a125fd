//! Work inside a user namespace: a child process with mapped ids, in which it is root.

use std::os::fd::OwnedFd;
use std::process::Command;
use std::str::FromStr;

use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Gid, Pid, Signal, Uid, WaitOptions, getegid, geteuid, kill_process,
    set_parent_process_death_signal, waitpid,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::error::{Context, Error, Result};
use crate::log;
use crate::sys::{fork, process};

/// `count` ids from `inside` on in the namespace are those from `outside` on outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMap {
    pub inside: u32,
    pub outside: u32,
    pub count: u32,
}

impl IdMap {
    /// Is `id` of the namespace mapped by this?
    pub fn holds(&self, id: u32) -> bool {
        id.checked_sub(self.inside)
            .is_some_and(|distance| distance < self.count)
    }
}

impl FromStr for IdMap {
    type Err = String;

    /// `container id:host id:count`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[inside, outside, count])
                if count > 0
                    && inside.checked_add(count).is_some()
                    && outside.checked_add(count).is_some() =>
            {
                Ok(Self {
                    inside,
                    outside,
                    count,
                })
            }
            _ => Err(format!("`{text}` is not CONTAINER-ID:HOST-ID:COUNT")),
        }
    }
}

/// The mapping of a user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maps {
    pub uids: Vec<IdMap>,
    pub gids: Vec<IdMap>,
}

impl Maps {
    /// None without any map; an error when only one of users and groups is mapped.
    pub fn checked(self) -> Result<Option<Self>> {
        match (self.uids.is_empty(), self.gids.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(self)),
            _ => Err(Error::new(
                "read command line",
                "",
                "--uid-map and --gid-map belong together",
            )
            .hint("give both, or none")),
        }
    }

    /// Ids inside that the work runs as: root where it is mapped.
    pub fn first(&self) -> (u32, u32) {
        let first = |maps: &[IdMap]| maps.iter().map(|map| map.inside).min().unwrap_or(0);
        (first(&self.uids), first(&self.gids))
    }

    /// The ids outside of what `first` gives.
    pub fn first_outside(&self) -> (u32, u32) {
        let first = |maps: &[IdMap]| {
            maps.iter()
                .min_by_key(|map| map.inside)
                .map_or(0, |map| map.outside)
        };
        (first(&self.uids), first(&self.gids))
    }
}

/// Runs `work` in a child inside a new user namespace of this mapping and gives its exit code.
/// Call it while the process has a single thread. Descriptors stay open in the child.
pub fn run(maps: &Maps, work: impl FnOnce() -> u8) -> Result<u8> {
    wait(start(maps, Life::Bound, work)?)
}

/// The same without waiting: the child outlives the caller. It keeps the caller's own ids, so that
/// they own it, and has every capability in its namespace.
pub fn detached(maps: &Maps, work: impl FnOnce() -> u8) -> Result<Pid> {
    start(maps, Life::Free, work)
}

/// How a child depends on the process that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It is root inside and ends with its parent.
    Bound,
    Free,
}

fn start(maps: &Maps, life: Life, work: impl FnOnce() -> u8) -> Result<Pid> {
    let (entered, tell_entered) = pipe_with(PipeFlags::CLOEXEC).at("make pipe", "")?;
    let (mapped, tell_mapped) = pipe_with(PipeFlags::CLOEXEC).at("make pipe", "")?;
    // The closure owns the child's ends: here they close when it is dropped.
    let pid = fork::fork(move || match enter((maps, life), &tell_entered, &mapped) {
        true => work(),
        false => 1,
    })?;
    let prepared = wait_entered(&entered)
        .and_then(|()| write_maps(pid, maps))
        .and_then(|()| {
            write(&tell_mapped, &[1])
                .map(|_| ())
                .at("enter user namespace", "")
        });
    if let Err(error) = prepared {
        // It may have ended already; what counts is that nothing of it is left.
        let _ = kill_process(pid, Signal::KILL);
        let _ = waitpid(Some(pid), WaitOptions::empty());
        return Err(error);
    }
    Ok(pid)
}

/// In the child: into the namespace, and root there once the parent has written the mapping.
fn enter((maps, life): (&Maps, Life), tell_entered: &OwnedFd, mapped: &OwnedFd) -> bool {
    let die_with_parent = || match life {
        Life::Bound => set_parent_process_death_signal(Some(Signal::KILL)),
        Life::Free => Ok(()),
    };
    let result = die_with_parent().and_then(|()| process::unshare(libc::CLONE_NEWUSER));
    let errno = result.err().map_or(0, Errno::raw_os_error);
    let told = write(tell_entered, &errno.to_ne_bytes());
    if errno != 0 || told.is_err() || read(mapped, &mut [0_u8; 1]) != Ok(1) {
        return false;
    }
    if life == Life::Free {
        return true;
    }
    let (uid, gid) = maps.first();
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    // Not allowed with a single mapped id, and then not needed: the groups are the caller's.
    let _ = set_thread_groups(&[]);
    let became = set_thread_res_gid(gid, gid, gid).and_then(|()| set_thread_res_uid(uid, uid, uid));
    // A change of ids takes the death signal away.
    match became.and_then(|()| die_with_parent()) {
        Ok(()) => true,
        Err(errno) => {
            log::error(&Error::os("become root of the user namespace", "", errno));
            false
        }
    }
}

fn wait_entered(entered: &OwnedFd) -> Result<()> {
    let mut errno = [0; 4];
    let count = read(entered, &mut errno).at("make user namespace", "")?;
    match (count, i32::from_ne_bytes(errno)) {
        (4, 0) => Ok(()),
        (4, errno) => Err(
            Error::os("make user namespace", "", Errno::from_raw_os_error(errno)).hint(
                "user namespaces are switched off here: `pavlos doctor` says how to allow them",
            ),
        ),
        _ => Err(Error::new(
            "make user namespace",
            "",
            "the child process ended",
        )),
    }
}

fn write_maps(pid: Pid, maps: &Maps) -> Result<()> {
    write_map(pid, &maps.uids, (geteuid().as_raw(), "uid"))?;
    write_map(pid, &maps.gids, (getegid().as_raw(), "gid"))
}

/// Root, and everybody for a single id of their own, may write the mapping; the rest is for the
/// setuid helpers, which know /etc/subuid and /etc/subgid.
fn write_map(pid: Pid, maps: &[IdMap], (own, kind): (u32, &str)) -> Result<()> {
    let single = matches!(maps, [map] if map.count == 1 && map.outside == own);
    if !geteuid().is_root() && !single {
        return helper(pid, maps, kind);
    }
    let proc = |file: &str| format!("/proc/{}/{file}", pid.as_raw_nonzero());
    if kind == "gid" && !geteuid().is_root() {
        std::fs::write(proc("setgroups"), "deny").at("write setgroups", "user namespace")?;
    }
    let lines: String = maps
        .iter()
        .map(|map| format!("{} {} {}\n", map.inside, map.outside, map.count))
        .collect();
    std::fs::write(proc(&format!("{kind}_map")), &lines)
        .at("write id mapping", lines.trim_end().replace('\n', ", "))
}

fn helper(pid: Pid, maps: &[IdMap], kind: &str) -> Result<()> {
    let program = format!("new{kind}map");
    let mut command = Command::new(&program);
    command.arg(pid.as_raw_nonzero().to_string());
    for map in maps {
        command.args([
            map.inside.to_string(),
            map.outside.to_string(),
            map.count.to_string(),
        ]);
    }
    let output = command.output().map_err(|error| {
        Error {
            errno: error.raw_os_error(),
            ..Error::new("map ids", program.clone(), error.to_string())
        }
        .hint("install the package `uidmap` (shadow-utils), or map only your own id")
    })?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::new(
            "map ids",
            program,
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        )
        .hint(format!("the ids must be yours in /etc/sub{kind}"))),
    }
}

/// The exit code of a child.
pub fn wait(pid: Pid) -> Result<u8> {
    let status = loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => break status,
            Ok(None) | Err(Errno::INTR) => {}
            Err(errno) => {
                return Err(Error::os(
                    "wait for child",
                    pid.as_raw_nonzero().to_string(),
                    errno,
                ));
            }
        }
    };
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ok(u8::try_from(code).unwrap_or(1)),
        (_, signal) => Err(Error::new(
            "wait for child",
            "",
            format!("it was ended by signal {}", signal.unwrap_or(0)),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_three_numbers_that_fit() {
        assert_eq!(
            "0:100000:65536".parse(),
            Ok(IdMap {
                inside: 0,
                outside: 100_000,
                count: 65536
            })
        );
        for text in [
            "",
            "0:1",
            "0:1:0",
            "0:1:2:3",
            "-1:0:1",
            "0:4294967295:1",
            "1:0:4294967295",
            "a:b:c",
        ] {
            assert!(text.parse::<IdMap>().is_err(), "{text}");
        }
    }
}
