//! A container's cgroups: one directory in each hierarchy, v1, v2 or both.

mod device_program;
mod devices;
mod file;
mod layout;
mod limits;
mod make;
mod processes;
mod remove;
mod stats;
mod systemd;
mod undo;

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::Pid;

use crate::error::{Context, Result};
use crate::spec::resources::{DeviceRule, Resources};
use crate::state::Process;
pub use make::settle;
pub use stats::Stats;
pub use systemd::Unit;

/// Where processes of a caller's own v2 cgroup go, which may not stay beside child cgroups.
const LEAF: &str = "pavlos-caller";

const DELEGATION_HINT: &str = "run it in a delegated cgroup: systemd-run --user --scope -p Delegate=yes COMMAND; \
    the controllers that users get are in Delegate= of user@.service: cpu cpuset io memory pids";

/// Who makes a container's cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Manager {
    /// pavlosc, before the container.
    #[default]
    Cgroupfs,
    /// systemd, around the container's init: a scope.
    Systemd,
}

/// Where a container's cgroups go and who makes them.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `linux.cgroupsPath`; `None`: `pavlos/<id>`, or `:pavlos:<id>` of systemd's.
    pub path: Option<&'a str>,
    pub id: &'a str,
    /// The caller is not root in the first user namespace: everything goes below its own cgroup,
    /// device rules are passed over.
    pub rootless: bool,
    /// Of config.json: those for systemd count where it makes the cgroup.
    pub annotations: &'a BTreeMap<String, String>,
}

/// The directories of one container. v1 controller -> absolute directory, "" -> the v2 one; the
/// form of state.json. Several controllers may share a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroups {
    directories: BTreeMap<String, PathBuf>,
    /// Whose the directory is, when it is systemd's.
    unit: Option<Unit>,
}

impl Request<'_> {
    /// The scope that systemd is asked for. The error is one of config.json or of the machine.
    pub fn unit(&self) -> Result<Unit> {
        systemd::check()?;
        systemd::asked_for(self.annotations)?;
        Unit::new(self.path, self.id, self.rootless)
    }
}

impl Cgroups {
    /// Makes the directories and sets the limits. A hierarchy that cannot be written is passed
    /// over, unless a limit needs it: then the error says what to do. After an error nothing is
    /// left behind. Existing directories are used as they are when no process is in them.
    pub fn create(request: &Request, resources: Option<&Resources>) -> Result<Self> {
        let cgroups = make::make(request)?;
        if let Some(resources) = resources
            && let Err(error) = cgroups.set(resources, request.rootless)
        {
            // The first error is the one to show.
            let _ = cgroups.remove();
            return Err(error);
        }
        Ok(cgroups)
    }

    /// Has systemd make the scope, with the container's init in it, and sets the limits. After an
    /// error nothing is left behind, where the caller ends the init.
    pub fn create_unit(
        unit: Unit,
        init: Process,
        request: &Request,
        resources: Option<&Resources>,
    ) -> Result<Self> {
        let wanted = systemd::Wanted {
            resources,
            annotations: request.annotations,
        };
        let directory = systemd::make(&unit, init, wanted)?;
        let cgroups = Self {
            directories: BTreeMap::from([(String::new(), directory)]),
            unit: Some(unit),
        };
        // Also what systemd has been told: it rounds, and does not know all.
        match resources.map_or(Ok(()), |resources| cgroups.set(resources, request.rootless)) {
            Ok(()) => Ok(cgroups),
            Err(error) => {
                // The first error is the one to show.
                let _ = cgroups.kill().and_then(|()| cgroups.remove());
                Err(error)
            }
        }
    }

    /// From state.json.
    pub fn from_directories(directories: BTreeMap<String, PathBuf>) -> Self {
        Self {
            directories,
            unit: None,
        }
    }

    /// The same, in a unit of systemd's.
    pub fn in_unit(self, unit: Option<Unit>) -> Self {
        Self { unit, ..self }
    }

    /// systemd's name for them.
    pub fn unit(&self) -> Option<&Unit> {
        self.unit.as_ref()
    }

    /// For state.json.
    pub fn directories(&self) -> &BTreeMap<String, PathBuf> {
        &self.directories
    }

    /// Sets what `resources` names and leaves the rest. Errors name the file and the value;
    /// limits that were set before the error stay set.
    pub fn set(&self, resources: &Resources, rootless: bool) -> Result<()> {
        limits::set(self, resources)?;
        if rootless || resources.devices.is_empty() {
            Ok(())
        } else {
            devices::set(self, &resources.devices)
        }
    }

    /// As `set`, for a container that runs: after an error the limits are as they were.
    pub fn update(&self, resources: &Resources, rootless: bool) -> Result<()> {
        let before = undo::Snapshot::take(self);
        if let Some(unit) = &self.unit {
            systemd::update(unit, resources, limits::period(self))?;
        }
        self.set(resources, rootless)
            .inspect_err(|_| before.restore())
    }

    /// Replaces the device rules of a container that runs; what stays allowed is so all the time.
    pub fn change_devices(&self, rules: &[DeviceRule]) -> Result<()> {
        devices::change(self, rules)
    }

    /// The v2 directory, opened for CLONE_INTO_CGROUP. `None`: there is none.
    pub fn v2_fd(&self) -> Result<Option<OwnedFd>> {
        let Some(directory) = self.v2() else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(directory, flags, Mode::empty());
        opened
            .at("open cgroup", directory.display().to_string())
            .map(Some)
    }

    /// There is no v1 directory to move into.
    pub fn only_v2(&self) -> bool {
        self.directories.keys().all(String::is_empty)
    }

    /// Moves a process into every directory.
    pub fn add(&self, pid: Pid) -> Result<()> {
        let added = add_to(self.unique(), pid);
        match (&self.unit, added) {
            (Some(unit), Err(error)) if error.errno == Some(libc::EACCES) => {
                systemd::attach(unit, pid)
            }
            (_, added) => added,
        }
    }

    /// Moves a process that CLONE_INTO_CGROUP put into the v2 directory into the others.
    pub fn add_v1(&self, pid: Pid) -> Result<()> {
        let v2 = self.v2();
        add_to(
            self.unique().filter(|directory| Some(*directory) != v2),
            pid,
        )
    }

    /// Stops all processes where they are; waits until they are.
    pub fn freeze(&self) -> Result<()> {
        processes::freeze(self)
    }

    /// Lets frozen processes run.
    pub fn thaw(&self) -> Result<()> {
        processes::thaw(self)
    }

    /// Whether `freeze` was the last word.
    pub fn frozen(&self) -> Result<bool> {
        processes::frozen(self)
    }

    /// Kills every process, frozen ones too, and waits until none is left.
    pub fn kill(&self) -> Result<()> {
        processes::kill(self)
    }

    /// The processes in the container and below, each once.
    pub fn pids(&self) -> Result<Vec<Pid>> {
        processes::list(self)
    }

    /// What is used and allowed now.
    pub fn stats(&self) -> Stats {
        stats::read(self)
    }

    /// Removes the directories and what was made below them, waiting a moment for processes that
    /// are just ending. Goes on after an error and gives the first one. Missing ones are fine.
    pub fn remove(&self) -> Result<()> {
        if let (Some(unit), Some(directory)) = (&self.unit, self.v2()) {
            systemd::stop(unit, directory)?;
        }
        remove::remove(self)
    }

    /// Removes the directories when nothing is in them. False: something is, or may be.
    pub fn remove_empty(&self) -> bool {
        // What is systemd's it removes itself.
        self.unit.is_none() && remove::remove_empty(self)
    }

    fn v2(&self) -> Option<&Path> {
        self.directories.get("").map(PathBuf::as_path)
    }

    /// The v1 directory of a controller.
    fn v1(&self, controller: &str) -> Option<&Path> {
        self.directories.get(controller).map(PathBuf::as_path)
    }

    /// Each directory once.
    fn unique(&self) -> impl Iterator<Item = &Path> {
        let mut paths: Vec<&Path> = self.directories.values().map(PathBuf::as_path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.into_iter()
    }
}

/// The directories that this process is in; the form of state.json.
pub fn own() -> Result<BTreeMap<String, PathBuf>> {
    let all = layout::detect()?;
    let own = |hierarchy: layout::Hierarchy| {
        let own = hierarchy.own.clone()?;
        Some((make::keys(&hierarchy).map(move |key| (key, own.clone()))).collect::<Vec<_>>())
    };
    Ok(all.into_iter().filter_map(own).flatten().collect())
}

/// Whether this process may not set device rules: it is not root in the first user namespace.
pub fn unprivileged() -> bool {
    // The first user namespace has this number on every kernel (PROC_USER_INIT_INO).
    const FIRST: &[u8] = b"user:[4026531837]";
    let first = || {
        rustix::fs::readlink("/proc/self/ns/user", Vec::with_capacity(FIRST.len() + 1))
            .is_ok_and(|name| name.as_bytes() == FIRST)
    };
    !rustix::process::geteuid().is_root() || !first()
}

fn add_to<'a>(directories: impl Iterator<Item = &'a Path>, pid: Pid) -> Result<()> {
    let pid = pid.as_raw_nonzero().to_string();
    let added = directories
        .map(|directory| directory.join("cgroup.procs"))
        .try_for_each(|procs| file::write_and_leave(&procs, &pid));
    crate::sys::descriptor::close_later();
    added
}

#[cfg(test)]
#[path = "cgroup/tests/real.rs"]
mod tests;
