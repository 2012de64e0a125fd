//! Ends containers from outside: asks all supervisors first, then waits for all.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::cli::Globals;
use crate::error::{Context, Result};
use crate::spec::supervise;
use crate::state::{self, State};
use crate::supervise::remains::Remains;
use crate::sys::signal;
use crate::teardown;

/// How long a container without a supervisor may take after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a supervisor may take beyond its own time limit before it counts as stuck.
const GRACE: Duration = Duration::from_secs(15);

/// Stops and removes the containers; `done` is called for each as it comes. An unknown id is done.
pub fn all(
    globals: &Globals,
    ids: Vec<String>,
    mut done: impl FnMut(&str, Result<()>),
) -> Result<()> {
    let mut waiting = Vec::new();
    for id in ids {
        match Target::begin(&globals.root, &id) {
            Ok(Some(target)) => waiting.push(target),
            Ok(None) => done(&id, Ok(())),
            Err(error) => done(&id, Err(error)),
        }
    }
    while !waiting.is_empty() {
        let ready = wait(&waiting)?;
        let now = Instant::now();
        let mut index = 0;
        waiting.retain_mut(|target| {
            let ended = ready[index] || target.process.is_none();
            index += 1;
            if !ended && target.until > now {
                return true;
            }
            if !ended {
                target.kill();
            }
            done(&target.state.id, target.finish(globals));
            false
        });
    }
    Ok(())
}

/// A container on its way out.
struct Target {
    state: State,
    remains: Remains,
    /// Whose end is the container's end: the supervisor, else the init; nothing when both are gone.
    process: Option<OwnedFd>,
    /// When patience ends.
    until: Instant,
}

impl Target {
    /// Asks for the end. None when there is nothing left to remove.
    fn begin(root: &Path, id: &str) -> Result<Option<Self>> {
        let directory = state::directory(root, id)?;
        if !directory.exists() {
            return Ok(None);
        }
        if !directory.join("state.json").exists() {
            // Whoever was creating it was killed before anything ran.
            return state::remove_directory(root, id).map(|()| None);
        }
        let state = State::load(root, id)?;
        let remains = match state.init().is_alive() {
            true => Remains::of(state.init(), state.cgroup.clone()),
            false => Remains::of_dead(state.cgroup.clone()),
        };
        let mut target = Self {
            state,
            remains,
            process: None,
            until: Instant::now(),
        };
        match target.state.supervisor.and_then(state::Process::open) {
            Some(supervisor) => target.ask_supervisor(supervisor),
            None => target.ask_init(),
        }
        Ok(Some(target))
    }

    fn ask_supervisor(&mut self, supervisor: OwnedFd) {
        let path = self.state.bundle.join("supervise.json");
        let settings = std::fs::read(&path)
            .ok()
            .and_then(|text| supervise::parse(&text, "").ok());
        let limit = settings.map_or(PATIENCE, |settings| {
            Duration::from_millis(settings.stop.timeout)
        });
        // It may have just ended: then its descriptor is ready at once.
        let _ = signal::send(supervisor.as_fd(), libc::SIGTERM);
        self.until = Instant::now() + limit.saturating_add(GRACE);
        self.process = Some(supervisor);
    }

    /// Without a supervisor. One that should have one and one that never ran is just killed.
    fn ask_init(&mut self) {
        let Some(init) = self.state.init().open() else {
            return;
        };
        let orphan = self.state.supervisor.is_some() || !self.state.started;
        let number = if orphan { libc::SIGKILL } else { libc::SIGTERM };
        // What is frozen neither hears nor dies.
        let _ = self.remains.cgroups().thaw();
        let _ = signal::send(init.as_fd(), number);
        self.until = Instant::now() + PATIENCE;
        self.process = Some(init);
    }

    /// Patience has ended.
    fn kill(&self) {
        for process in self.state.supervisor.into_iter().chain([self.state.init()]) {
            if let Some(pidfd) = process.open() {
                let _ = signal::send(pidfd.as_fd(), libc::SIGKILL);
            }
        }
    }

    /// Kills what is left and removes the container's traces.
    fn finish(&self, globals: &Globals) -> Result<()> {
        if let Some(init) = self.state.init().open() {
            let _ = signal::send(init.as_fd(), libc::SIGKILL);
        }
        let killed = self.remains.kill(|| {});
        let removed = teardown::container(globals, &self.state);
        killed.and(removed)
    }
}

/// Until a process ends or patience does: which ones are ready.
fn wait(targets: &[Target]) -> Result<Vec<bool>> {
    if targets.iter().any(|target| target.process.is_none()) {
        return Ok(vec![false; targets.len()]);
    }
    let mut fds: Vec<PollFd<'_>> = targets
        .iter()
        .filter_map(|target| target.process.as_ref())
        .map(|fd| PollFd::new(fd, PollFlags::IN))
        .collect();
    let next = targets.iter().map(|target| target.until).min();
    let left = next.map_or(Duration::ZERO, |next| {
        next.saturating_duration_since(Instant::now())
    });
    let limit = Timespec {
        tv_sec: left.as_secs().cast_signed(),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    match poll(&mut fds, Some(&limit)) {
        Ok(_) | Err(Errno::INTR) => Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect()),
        Err(errno) => Err(errno).at("wait for supervisors", ""),
    }
}
