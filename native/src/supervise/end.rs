//! The end of a run: how it is brought about, what it leaves, and who is told.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::process::{WaitOptions, WaitStatus};

use crate::error::Result;
use crate::state::State;
use crate::supervise::events::{Stop, Supervisor};
use crate::supervise::journal::{self, Facts, Kind};
use crate::supervise::status::{self, Exit, Status};
use crate::sys::signal;

/// After which a status that had no room is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Asks the command to end. One that has not begun has nothing to finish.
    pub fn ask(&mut self) {
        self.stop_looking();
        let started =
            State::load(&self.globals.root, &self.request.id).is_ok_and(|state| state.started);
        if !started {
            self.kill();
            return;
        }
        // What is frozen does not hear.
        let _ = self.run.remains.cgroups().thaw();
        // It may have just ended.
        let _ = signal::send(self.run.pidfd.as_fd(), self.settings.stop.signal);
        let limit = Duration::from_millis(self.settings.stop.timeout);
        self.asked = Some(Stop::Asked(Instant::now() + limit));
    }

    pub fn kill_when_due(&mut self) {
        if matches!(self.asked, Some(Stop::Asked(at)) if at <= Instant::now()) {
            self.kill();
        }
    }

    fn kill(&mut self) {
        let cgroups = self.run.remains.cgroups();
        let _ = cgroups.thaw();
        let _ = signal::send(self.run.pidfd.as_fd(), libc::SIGKILL);
        let _ = cgroups.kill();
        self.asked = Some(Stop::Killed);
    }

    /// Kills what remains and takes the last output. The state stays, for `state` and `delete` to
    /// find. Gives whether the run failed, and whether everything of it is gone.
    pub fn clear(&mut self, ended: Option<WaitStatus>) -> (bool, Result<()>) {
        let exited_at = crate::time::now();
        self.stop_looking();
        if let Some(hooks) = self.hooks.take() {
            hooks.kill();
        }
        let killed = self
            .run
            .remains
            .kill(|| while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {});
        if self.run.started_at.is_none() {
            self.run.started_at = self.start_by_other();
            if self.run.started_at.is_some() {
                self.tell(Kind::Started);
            }
        }
        self.output.finish();
        let (exit_code, signal) = ended.map_or((255, None), status::exit_code);
        let cgroups = self.run.remains.cgroups();
        self.last = Exit {
            exited_at: Some(exited_at),
            exit_code: Some(exit_code),
            signal,
            requested: self.asked.is_some(),
            oom: cgroups.stats().memory.usage.failcnt > 0,
            reason: None,
        };
        if self.last.oom {
            self.tell(Kind::Oom);
        }
        (exit_code != 0, killed.and(cgroups.remove()))
    }

    /// The end as an event.
    pub fn tell_end(&self, again: Option<Duration>) {
        let kind = match self.last.requested {
            true => Kind::Stopped,
            false => Kind::Exited,
        };
        let facts = Facts {
            exit_code: self.last.exit_code,
            signal: self.last.signal,
            again_in: again.and_then(|delay| u64::try_from(delay.as_millis()).ok()),
            output: self.last.reason.as_deref(),
            ..Facts::default()
        };
        let events = self.settings.events.as_ref();
        journal::tell(events, &self.request.id, kind, facts);
    }

    /// An event with what is known of health and restarts.
    pub fn tell(&self, kind: Kind) {
        let health = self.health.as_ref();
        let facts = Facts {
            restarts: Some(self.restarts.count).filter(|count| *count > 0),
            output: health
                .map(|health| health.output.as_str())
                .filter(|output| !output.is_empty()),
            ..Facts::default()
        };
        let events = self.settings.events.as_ref();
        journal::tell(events, &self.request.id, kind, facts);
    }

    /// A disk that is full keeps nothing else from happening; it is tried again while it runs.
    pub fn write_status(&self, state: status::State) {
        let status = Status {
            version: 1,
            state,
            started_at: self.run.started_at.clone(),
            exit: self.last.clone(),
            restarts: self.restarts.count,
            health: self.health.as_ref().map(|health| status::Health {
                status: health.status,
                failures: health.failures,
                output: health.output.clone(),
            }),
        };
        let written = status::write(&self.settings.status, &status);
        self.unwritten
            .set(written.as_ref().err().map(|_| Instant::now() + AGAIN));
        if let Err(error) = written {
            crate::log::warn(&error.to_string());
        }
    }
}
