//! The supervisor's life after the start: one thread, one poll loop.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::error::Result;
use crate::spec::supervise::{self, Supervise};
use crate::state::{self, State};
use crate::supervise::output::Output;
use crate::supervise::remains::Remains;
use crate::supervise::status::{self, Status};
use crate::sys::signal::{self, Signals};

/// A container that runs, and all that its supervisor keeps of it.
pub struct Supervisor {
    /// Directory of the containers' states.
    pub root: PathBuf,
    pub id: String,
    /// Its supervise.json, to be read again.
    pub document: PathBuf,
    pub settings: Supervise,
    pub init: Pid,
    pub pidfd: OwnedFd,
    pub remains: Remains,
    pub signals: Signals,
    pub output: Output,
    /// RFC 3339; nothing when somebody else starts it.
    pub started_at: Option<String>,
}

/// The stop sequence.
enum Stop {
    No,
    /// Asked; everything is killed at that time.
    Asked(Instant),
    Killed,
}

impl Supervisor {
    /// Stays until the container has ended and everything of it but its state is cleaned up.
    pub fn run(mut self) -> Result<()> {
        let mut stop = Stop::No;
        // It may have ended before its signal could be caught.
        let mut ended = self.reap();
        while ended.is_none() {
            self.wait(&stop);
            while let Some(number) = self.signals.read() {
                match number {
                    libc::SIGTERM | libc::SIGINT if matches!(stop, Stop::No) => stop = self.ask(),
                    libc::SIGHUP => self.read_settings(),
                    _ => {}
                }
            }
            if matches!(stop, Stop::Asked(at) if at <= Instant::now()) {
                self.kill();
                stop = Stop::Killed;
            }
            // After the signals are read: a SIGCHLD that comes from here on wakes the next poll.
            ended = self.reap();
        }
        self.end(ended, !matches!(stop, Stop::No))
    }

    /// Until something happens; output is read on the way.
    fn wait(&mut self, stop: &Stop) {
        let timeout = match stop {
            Stop::Asked(at) => Some(timespec(at.saturating_duration_since(Instant::now()))),
            Stop::No | Stop::Killed => None,
        };
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(self.output.poll_fds());
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        let ready: Vec<bool> = fds
            .iter()
            .skip(1)
            .map(|fd| !fd.revents().is_empty())
            .collect();
        if ready.contains(&true) {
            self.output.read(&ready);
        }
    }

    /// Takes every child that has ended: the init, and what was left to us as its subreaper.
    fn reap(&self) -> Option<WaitStatus> {
        let mut ended = None;
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid == self.init {
                ended = Some(status);
            }
        }
        ended
    }

    /// Asks the command to end. One that has not begun has nothing to finish.
    fn ask(&self) -> Stop {
        let started = State::load(&self.root, &self.id).is_ok_and(|state| state.started);
        if !started {
            self.kill();
            return Stop::Killed;
        }
        // What is frozen does not hear.
        let _ = self.remains.cgroups().thaw();
        // It may have just ended.
        let _ = signal::send(self.pidfd.as_fd(), self.settings.stop.signal);
        Stop::Asked(Instant::now() + Duration::from_millis(self.settings.stop.timeout))
    }

    fn kill(&self) {
        let cgroups = self.remains.cgroups();
        let _ = cgroups.thaw();
        let _ = signal::send(self.pidfd.as_fd(), libc::SIGKILL);
        let _ = cgroups.kill();
    }

    /// A document that is broken now changes nothing.
    fn read_settings(&mut self) {
        let subject = self.document.display().to_string();
        let read = std::fs::read(&self.document).ok();
        if let Some(settings) = read.and_then(|text| supervise::parse(&text, &subject).ok()) {
            self.output.reopen(settings.logs.clone());
            self.settings = settings;
        }
    }

    /// Kills what remains, writes the last output and how it ended. The state stays, for `state`
    /// and `delete` to find.
    fn end(mut self, ended: Option<WaitStatus>, requested: bool) -> Result<()> {
        let exited_at = crate::time::now();
        let killed = self
            .remains
            .kill(|| while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {});
        let started_at = self.started_at.take().or_else(|| self.start_by_other());
        self.output.finish();
        let (exit_code, signal) = ended.map_or((255, None), status::exit_code);
        let status = Status {
            version: 1,
            started_at,
            exited_at,
            exit_code,
            signal,
            requested,
        };
        let written = status::write(&self.settings.status, &status);
        killed.and(self.remains.cgroups().remove()).and(written)
    }

    /// `start` writes the state last: that was the time. A short command may have ended before.
    fn start_by_other(&self) -> Option<String> {
        let _lock = state::lock(&self.root, &self.id).ok()?;
        let state = State::load(&self.root, &self.id)
            .ok()
            .filter(|state| state.started)?;
        let metadata = std::fs::metadata(self.root.join(&state.id).join("state.json")).ok()?;
        let since = metadata
            .modified()
            .ok()?
            .duration_since(std::time::UNIX_EPOCH)
            .ok()?;
        Some(crate::time::rfc3339(timespec(since)))
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().cast_signed(),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
