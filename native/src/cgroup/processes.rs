//! Freezing, killing and listing what runs in a container's cgroups.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Cgroups, file};
use crate::error::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(10);

pub fn freeze(cgroups: &Cgroups) -> Result<()> {
    let freezer = freezer(cgroups, "pause")?;
    freezer.order(true)?;
    let frozen = wait(|| freezer.is_frozen())?;
    if frozen {
        return Ok(());
    }
    freezer.order(false)?;
    Err(Error::new(
        "pause",
        freezer.directory().display().to_string(),
        "its processes did not stop in 10 seconds",
    )
    .hint("a process waits in the kernel for a disk or a network; try again"))
}

pub fn thaw(cgroups: &Cgroups) -> Result<()> {
    freezer(cgroups, "resume")?.order(false)
}

pub fn frozen(cgroups: &Cgroups) -> Result<bool> {
    freezer(cgroups, "look whether it is paused").map_or(Ok(false), |freezer| freezer.is_ordered())
}

pub fn kill(cgroups: &Cgroups) -> Result<()> {
    // Also when the directories are gone already: who ended the container removed them.
    if list(cgroups)?.is_empty() {
        return Ok(());
    }
    let by_kernel = cgroups
        .v2()
        .is_some_and(|directory| file::try_write(&directory.join("cgroup.kill"), "1").is_ok());
    if !by_kernel {
        kill_each(cgroups)?;
    }
    // The kernel's kill reaches what is in the v2 directory; frozen v1 processes die when thawed.
    if by_kernel && cgroups.v1("freezer").is_some() {
        let _ = thaw(cgroups);
    }
    if wait(|| list(cgroups).map(|pids| pids.is_empty()))? {
        return Ok(());
    }
    let left: Vec<String> = list(cgroups)?.iter().map(ToString::to_string).collect();
    Err(Error::new(
        "kill",
        format!("processes {}", left.join(", ")),
        "they have not ended 10 seconds after SIGKILL",
    )
    .hint("they wait in the kernel for a disk or a network; look at /proc/PID/stack"))
}

/// Without the kernel's help: frozen, nothing can fork away while the list is read.
fn kill_each(cgroups: &Cgroups) -> Result<()> {
    const ROUNDS: usize = 100;
    let freezer = freezer(cgroups, "kill").ok();
    for _ in 0..ROUNDS {
        if let Some(freezer) = &freezer {
            freezer.order(true)?;
        }
        let pids = list(cgroups)?;
        for pid in &pids {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        if let Some(freezer) = &freezer {
            freezer.order(false)?;
        }
        if pids.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub fn list(cgroups: &Cgroups) -> Result<Vec<Pid>> {
    // All directories hold the same processes; the v2 one, else a single v1 one, is enough.
    let Some(directory) = cgroups
        .v2()
        .or_else(|| cgroups.v1("freezer"))
        .or_else(|| cgroups.unique().next())
    else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    collect(directory, &mut found)?;
    found.sort_unstable_by_key(|pid| pid.as_raw_nonzero());
    found.dedup();
    Ok(found)
}

fn collect(directory: &Path, found: &mut Vec<Pid>) -> Result<()> {
    let procs = directory.join("cgroup.procs");
    match std::fs::read_to_string(&procs) {
        Ok(text) => found.extend(
            text.lines()
                .filter_map(|line| Pid::from_raw(line.parse().ok()?)),
        ),
        // The directory is gone, so nothing is in it; a threaded one lists its processes above.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP)
            ) => {}
        Err(error) => return Err(file::explain(&procs, "", &error)),
    }
    super::remove::children(directory)
        .iter()
        .try_for_each(|child| collect(child, found))
}

/// Polls until `done`, more and more patiently. False: not in time.
fn wait(done: impl Fn() -> Result<bool>) -> Result<bool> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(100);
    loop {
        if done()? {
            return Ok(true);
        }
        if start.elapsed() > PATIENCE {
            return Ok(false);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

enum Freezer {
    V1(PathBuf),
    V2(PathBuf),
}

/// v2's needs no controller and is there in a hybrid layout too.
fn freezer(cgroups: &Cgroups, step: &'static str) -> Result<Freezer> {
    if let Some(v2) = cgroups
        .v2()
        .filter(|directory| directory.join("cgroup.freeze").exists())
    {
        return Ok(Freezer::V2(v2.to_owned()));
    }
    if let Some(v1) = cgroups.v1("freezer") {
        return Ok(Freezer::V1(v1.to_owned()));
    }
    Err(Error::new(
        step,
        "freezer",
        "the container has no cgroup that can freeze",
    )
    .hint(super::DELEGATION_HINT))
}

impl Freezer {
    fn directory(&self) -> &Path {
        match self {
            Self::V1(directory) | Self::V2(directory) => directory,
        }
    }

    fn order(&self, freeze: bool) -> Result<()> {
        match self {
            Self::V1(directory) => file::write(
                &directory.join("freezer.state"),
                if freeze { "FROZEN" } else { "THAWED" },
            ),
            Self::V2(directory) => file::write(
                &directory.join("cgroup.freeze"),
                if freeze { "1" } else { "0" },
            ),
        }
    }

    fn is_ordered(&self) -> Result<bool> {
        match self {
            Self::V1(directory) => Ok(file::read(&directory.join("freezer.state"))? != "THAWED"),
            Self::V2(directory) => Ok(file::read(&directory.join("cgroup.freeze"))? == "1"),
        }
    }

    fn is_frozen(&self) -> Result<bool> {
        match self {
            Self::V1(directory) => Ok(file::read(&directory.join("freezer.state"))? == "FROZEN"),
            Self::V2(directory) => Ok(file::read(&directory.join("cgroup.events"))?
                .lines()
                .any(|line| line == "frozen 1")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn killing_what_is_gone_already_is_done() {
        let gone = ["freezer", "pids", ""].map(|controller| {
            let path = PathBuf::from(format!("/sys/fs/cgroup/pavlos-gone/{controller}"));
            (controller.to_owned(), path)
        });
        kill(&Cgroups::from_directories(BTreeMap::from(gone))).unwrap();
    }
}
