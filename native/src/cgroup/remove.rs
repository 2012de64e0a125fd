//! Removing a container's directories.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Cgroups;
use crate::error::{Context, Result};

/// Killed processes leave their cgroup when the kernel has taken them apart.
const PATIENCE: Duration = Duration::from_secs(5);

/// Removes directories that are empty, as those of a container are whose pid namespace has ended.
/// False: something is in one of them.
pub fn remove_empty(cgroups: &Cgroups) -> bool {
    let empty = cgroups
        .unique()
        .all(|directory| missing_is_fine(std::fs::remove_dir(directory)).is_ok());
    if empty {
        remove_shared_parents(cgroups);
    }
    empty
}

pub fn remove(cgroups: &Cgroups) -> Result<()> {
    let mut first = Ok(());
    for directory in cgroups.unique() {
        let removed = remove_tree(directory).at("remove cgroup", directory.display().to_string());
        if first.is_ok() {
            first = removed.map_err(|error| {
                error.hint("stop the processes in its cgroup.procs and try again")
            });
        }
    }
    remove_shared_parents(cgroups);
    first
}

/// The directories right below; none when there is no such directory.
pub fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let is_directory =
        |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries
        .flatten()
        .filter(is_directory)
        .map(|entry| entry.path())
        .collect()
}

fn remove_tree(directory: &Path) -> std::io::Result<()> {
    // Most have nothing below: try first, look afterwards.
    match std::fs::remove_dir(directory) {
        Err(error) if error.kind() == ErrorKind::ResourceBusy => {}
        other => return missing_is_fine(other),
    }
    for child in children(directory) {
        remove_tree(&child)?;
    }
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        match missing_is_fine(std::fs::remove_dir(directory)) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy && start.elapsed() < PATIENCE => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

fn missing_is_fine(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// `pavlos` above the last container, in every hierarchy, after all of this container's own
/// directories: rmdir fails, rightly, while another is there, and that one, being later, will try
/// again. So the first refusal answers for all hierarchies.
fn remove_shared_parents(cgroups: &Cgroups) {
    let parents = cgroups.unique().filter_map(Path::parent);
    for parent in parents.filter(|parent| parent.ends_with("pavlos")) {
        if std::fs::remove_dir(parent).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy) {
            return;
        }
    }
}
