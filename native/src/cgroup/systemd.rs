//! systemd as the manager of a container's cgroup: a transient scope, made over D-Bus, that the
//! container's init is born for. Needs cgroup v2 alone; limits are given to systemd as well, so that
//! they outlast its reloads.

mod annotations;
mod bus;
mod properties;
mod unit;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::layout::{self, Hierarchy};
use crate::error::{Context, Error, Result};
use crate::spec::resources::Resources;
use crate::state::Process;
pub use annotations::properties as asked_for;
pub use unit::Unit;

const STEP: &str = "make systemd unit";

/// How long systemd may take to do what it has agreed to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a unit of the same name, whose container has just ended, may take to go.
const LEAVING: Duration = Duration::from_secs(3);

/// Whether this machine has what the manager needs: asked before anything is made.
pub fn check() -> Result<()> {
    bus::program()?;
    let all = layout::detect()?;
    match all.as_slice() {
        [only] if only.is_v2() => Ok(()),
        _ => Err(Error::new(
            STEP,
            "--systemd-cgroup",
            "this machine does not have cgroup version 2 alone",
        )
        .hint("use the cgroupfs manager, or boot with systemd.unified_cgroup_hierarchy=1")),
    }
}

/// What the manager is asked to make.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub resources: Option<&'a Resources>,
    pub annotations: &'a BTreeMap<String, String>,
}

/// Makes the unit with `init` in it and gives the unit's directory.
pub fn make(unit: &Unit, init: Process, wanted: Wanted) -> Result<PathBuf> {
    let mut properties = properties::of_scope(unit, init.pid);
    if let Some(resources) = wanted.resources {
        properties.extend(properties::of(resources, None));
    }
    properties.extend(annotations::properties(wanted.annotations)?);
    let mut arguments = vec![unit.name.clone(), "fail".to_owned()];
    arguments.extend(properties::counted(&properties));
    // No further units come with it.
    arguments.push("0".to_owned());
    let end = Instant::now() + LEAVING;
    let started = loop {
        match bus::call(unit, "StartTransientUnit", "ssa(sv)a(sa(sv))", &arguments) {
            Err(error) if bus::exists(&error) && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50));
            }
            other => break other,
        }
    };
    started
        .and_then(|()| moved(unit, init))
        .map_err(|error| explain_end(error, init))
}

/// Waits until systemd has moved the process; the unit's directory.
fn moved(unit: &Unit, init: Process) -> Result<PathBuf> {
    let path = format!("/proc/{}/cgroup", init.pid);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")
        .at("read the cgroup layout", "/proc/self/mountinfo")?;
    wait(unit, "systemd has not moved the container into it", || {
        let groups = std::fs::read_to_string(&path).at("read cgroup", path.as_str())?;
        let directory = layout::parse(&mounts, &groups)
            .into_iter()
            .find(Hierarchy::is_v2)
            .and_then(|hierarchy| hierarchy.own)
            .filter(|directory| directory.ends_with(&unit.name));
        Ok(directory)
    })
}

/// An init that has ended meanwhile has said why; its end is the reason to look there.
fn explain_end(error: Error, init: Process) -> Error {
    let errno = if init.is_alive() {
        error.errno
    } else {
        Some(libc::ESRCH)
    };
    Error { errno, ..error }
}

/// Gives systemd the limits of a unit that is there; `period` is the one in force, in microseconds.
pub fn update(unit: &Unit, resources: &Resources, period: Option<u64>) -> Result<()> {
    let properties = properties::of(resources, period);
    if properties.is_empty() {
        return Ok(());
    }
    // "true": until the machine is started anew, as the unit itself.
    let mut arguments = vec![unit.name.clone(), "true".to_owned()];
    arguments.extend(properties::counted(&properties));
    bus::call(unit, "SetUnitProperties", "sba(sv)", &arguments)
}

/// Moves a process of the same owner into the unit: for callers whom the kernel does not let do it,
/// since the cgroup that they come from is not theirs.
pub fn attach(unit: &Unit, pid: Pid) -> Result<()> {
    let arguments = [&unit.name, "", "1", &pid.as_raw_nonzero().to_string()].map(str::to_owned);
    bus::call(unit, "AttachProcessesToUnit", "ssau", &arguments)
}

/// Stops the unit and waits until its directory is gone; a unit that is gone already is fine.
pub fn stop(unit: &Unit, directory: &std::path::Path) -> Result<()> {
    match bus::call(
        unit,
        "StopUnit",
        "ss",
        &[unit.name.clone(), "replace".to_owned()],
    ) {
        Err(error) if bus::missing(&error) => return Ok(()),
        other => other?,
    }
    wait(unit, "systemd has not removed its cgroup", || {
        Ok((!directory.exists()).then_some(()))
    })
}

fn wait<T>(
    unit: &Unit,
    late: &'static str,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > end {
            let flag = if unit.user { "--user " } else { "" };
            return Err(Error::new(STEP, unit.name.as_str(), late).hint(format!(
                "`systemctl {flag}status {}` shows its state",
                unit.name
            )));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
