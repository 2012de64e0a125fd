//! Making a container's directories.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::layout::{self, CgroupPath, Hierarchy};
use super::{Cgroups, LEAF, Request, file};
use crate::error::{Context, Error, Result};

/// Makes a directory in every hierarchy that lets us. After an error nothing is left behind.
pub fn make(request: &Request) -> Result<Cgroups> {
    let path = CgroupPath::new(request.path, request.id)?;
    let hierarchies = layout::detect()?;
    let v2 = hierarchies.iter().any(Hierarchy::is_v2);
    let mut made = Cgroups {
        directories: BTreeMap::new(),
        unit: None,
    };
    for hierarchy in &hierarchies {
        // A name= hierarchy only tells systemd whose processes these are; v2 does where it exists.
        if v2
            && hierarchy
                .controllers
                .iter()
                .any(|name| name.starts_with("name="))
        {
            continue;
        }
        let Some(directory) = layout::place(hierarchy, &path, request.rootless) else {
            continue;
        };
        match make_one(
            hierarchy,
            &directory,
            (path.below.components().count(), request.rootless),
        ) {
            Ok(true) => made
                .directories
                .extend(keys(hierarchy).map(|key| (key, directory.clone()))),
            Ok(false) => {}
            Err(error) => {
                // The first error is the one to show.
                let _ = made.remove();
                return Err(error);
            }
        }
    }
    Ok(made)
}

/// The names of a hierarchy's controllers, as state.json has them.
pub fn keys(hierarchy: &Hierarchy) -> impl Iterator<Item = String> {
    let v2 = hierarchy.is_v2().then(String::new);
    hierarchy.controllers.iter().cloned().chain(v2)
}

/// False: this hierarchy is not ours to write.
fn make_one(
    hierarchy: &Hierarchy,
    directory: &Path,
    (depth, rootless): (usize, bool),
) -> Result<bool> {
    let shown = || directory.display().to_string();
    let fresh = match create_all(directory) {
        Ok(fresh) => fresh,
        Err(error) if denied(error.kind()) => return Ok(false),
        Err(error) => return Err(error).at("make cgroup", shown()),
    };
    if hierarchy.is_v2() {
        enable_controllers(directory, depth, hierarchy.own.as_deref())?;
    } else if hierarchy.controllers.iter().any(|name| name == "cpuset") {
        inherit_cpuset(directory, (depth, fresh))?;
    }
    let procs = directory.join("cgroup.procs");
    // An unprivileged caller may own a directory and yet not be allowed to move a process there.
    if rootless && rustix::fs::access(&procs, rustix::fs::Access::WRITE_OK).is_err() {
        let _ = std::fs::remove_dir(directory);
        return Ok(false);
    }
    if !fresh {
        check_existing(directory)?;
    }
    Ok(true)
}

/// A container can be put only where nothing runs, and where something can run.
fn check_existing(directory: &Path) -> Result<()> {
    let wrong = |reason: &str, hint: &str| {
        Err(Error::new("make cgroup", directory.display().to_string(), reason).hint(hint))
    };
    let is = |name: &str, wanted: &str| {
        file::read(&directory.join(name)).is_ok_and(|text| text == wanted)
    };
    if file::read(&directory.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty()) {
        return wrong(
            "the container's cgroup is not empty",
            "stop the container of the same name, or choose another linux.cgroupsPath",
        );
    }
    // Its init would wait forever.
    if is("cgroup.freeze", "1") || is("freezer.state", "FROZEN") || is("freezer.state", "FREEZING")
    {
        return wrong(
            "container's cgroup unexpectedly frozen",
            "thaw or remove it, or choose another linux.cgroupsPath",
        );
    }
    Ok(())
}

/// mkdir -p that stands a parent being removed at the same time by another container's end.
/// False: the directory was there.
fn create_all(directory: &Path) -> std::io::Result<bool> {
    const ATTEMPTS: usize = 20;
    let mut result = Ok(true);
    for _ in 0..ATTEMPTS {
        result = std::fs::create_dir(directory).map(|()| true);
        let Err(error) = &result else { return result };
        match (error.kind(), directory.parent()) {
            (ErrorKind::AlreadyExists, _) => return Ok(false),
            (ErrorKind::NotFound, Some(parent)) => {
                std::fs::create_dir_all(parent).or_else(|error| {
                    if error.kind() == ErrorKind::NotFound {
                        Ok(())
                    } else {
                        Err(error)
                    }
                })?
            }
            _ => return result,
        }
    }
    result
}

fn denied(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

/// A new v1 cpuset is empty and takes no process until it has processors and memory nodes: those
/// of the directory above, which may be as new.
fn inherit_cpuset(directory: &Path, (depth, fresh): (usize, bool)) -> Result<()> {
    let Some(parent) = directory.parent().filter(|_| depth > 0) else {
        return Ok(());
    };
    // Our own directory above has asked the kernel to copy both into each new one.
    if fresh && !file::read_and_leave(&directory.join("cpuset.mems"))?.is_empty() {
        return Ok(());
    }
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let target = directory.join(name);
        if !fresh && !file::read(&target)?.is_empty() {
            continue;
        }
        let source = parent.join(name);
        let mut value = file::read(&source)?;
        if value.is_empty() {
            inherit_cpuset(parent, (depth - 1, false))?;
            value = file::read(&source)?;
        }
        file::write(&target, &value)?;
    }
    if depth > 1 {
        // A kernel without it is fine: then each directory is filled as this one was.
        let _ = file::try_write(&parent.join("cgroup.clone_children"), "1");
    }
    Ok(())
}

/// Enables every controller that there is for the container's directory, from the top down. What
/// cannot be enabled is missed, if at all, when a limit needs it.
fn enable_controllers(directory: &Path, depth: usize, own: Option<&Path>) -> Result<()> {
    let mut levels = levels(directory, depth);
    levels.pop();
    let controllers = |level: &Path| file::read_and_leave(&level.join("cgroup.controllers"));
    if levels.first().map(|top| controllers(top)).transpose()? == Some(controllers(directory)?) {
        return Ok(());
    }
    levels.iter().try_for_each(|level| enable(level, own))
}

/// Hands every controller of this directory to its children, where the kernel lets us.
fn enable(level: &Path, own: Option<&Path>) -> Result<()> {
    let control = level.join("cgroup.subtree_control");
    let enabled = file::read(&control)?;
    let enabled: Vec<&str> = enabled.split(' ').collect();
    let available = file::read(&level.join("cgroup.controllers"))?;
    let missing: Vec<&str> = available
        .split(' ')
        .filter(|name| !name.is_empty() && !enabled.contains(name))
        .collect();
    // First: threaded controllers could be handed on at once, and would bar the way to the others.
    if !missing.is_empty() {
        vacate(level, own);
    }
    for name in missing {
        // What cannot be enabled is an error only for a limit that needs it.
        let _ = file::try_write(&control, &format!("+{name}"));
    }
    Ok(())
}

/// Before an unprivileged caller starts many supervisors: it moves to a leaf of its own cgroup, where
/// that is delegated to it. Later its children would be in the way.
pub fn settle() -> Result<()> {
    for hierarchy in layout::detect()?.iter().filter(|found| found.is_v2()) {
        let Some(own) = hierarchy.own.as_deref() else {
            continue;
        };
        let control = own.join("cgroup.subtree_control");
        let delegated = rustix::fs::access(&control, rustix::fs::Access::WRITE_OK).is_ok();
        if delegated && own != hierarchy.mountpoint && !own.ends_with(LEAF) {
            enable(own, Some(own))?;
        }
    }
    Ok(())
}

/// The directories above the container's that this call may have made, and the one above those,
/// top first; the container's is the last.
fn levels(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let mut levels: Vec<PathBuf> = directory
        .ancestors()
        .take(depth + 1)
        .map(Path::to_owned)
        .collect();
    levels.reverse();
    levels
}

/// A v2 cgroup with processes in it has no controllers for children. Where that is the caller's own
/// and nothing but the caller and its ancestors is in it, they move to a leaf below.
fn vacate(level: &Path, own: Option<&Path>) {
    if own == Some(level) && move_to_leaf(level).is_none() {
        crate::log::debug(|| format!("{} has processes of others", level.display()));
    }
}

fn move_to_leaf(level: &Path) -> Option<()> {
    let procs = file::read(&level.join("cgroup.procs")).ok()?;
    let pids: Vec<i32> = procs
        .lines()
        .map(|line| line.parse().ok())
        .collect::<Option<_>>()?;
    let family = family();
    if pids.iter().any(|pid| !family.contains(pid)) {
        return None;
    }
    let leaf = level.join(LEAF);
    if let Err(error) = std::fs::create_dir(&leaf)
        && error.kind() != ErrorKind::AlreadyExists
    {
        return None;
    }
    let procs = leaf.join("cgroup.procs");
    pids.iter()
        .try_for_each(|pid| file::try_write(&procs, &pid.to_string()))
        .ok()
}

/// This process and its ancestors.
fn family() -> Vec<i32> {
    let mut pid = std::process::id().cast_signed();
    let mut family = Vec::new();
    while pid > 0 && !family.contains(&pid) {
        family.push(pid);
        pid = parent(pid).unwrap_or(0);
    }
    family
}

/// Field 4 of /proc/PID/stat; the name before it may hold anything, also parentheses.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
