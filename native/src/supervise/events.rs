//! The supervisor's life after the first start: one thread, one poll loop for each run, and what
//! lies between two runs.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::cli::Globals;
use crate::error::Result;
use crate::spec::supervise::{self, Supervise};
use crate::state::{self, State};
use crate::supervise::Request;
use crate::supervise::health::Health;
use crate::supervise::journal::{Facts, Kind};
use crate::supervise::network::Network;
use crate::supervise::output::Output;
use crate::supervise::probe::Probe;
use crate::supervise::remains::Remains;
use crate::supervise::restart::{self, Next, Restarts};
use crate::supervise::status::{self, Exit};
use crate::supervise::{journal, life};
use crate::sys::memory;
use crate::sys::signal::Signals;

/// A container, and all that its supervisor keeps of it from one run to the next.
pub struct Supervisor {
    pub globals: Globals,
    /// With the secrets, in memory only.
    pub request: Request,
    /// Its supervise.json, to be read again.
    pub document: PathBuf,
    pub settings: Supervise,
    pub run: Run,
    pub network: Option<Network>,
    pub signals: Signals,
    pub output: Output,
    pub restarts: Restarts,
    /// How the run before ended.
    pub last: Exit,
    /// None: not asked for, or not started.
    pub health: Option<Health>,
    pub probe: Option<Probe>,
    /// Commands after a restart, at work.
    pub hooks: Option<Probe>,
    /// The stop sequence has begun.
    pub asked: Option<Stop>,
    /// There was no room for status.json: when it is tried again.
    pub unwritten: Cell<Option<Instant>>,
}

/// One life of the container.
pub struct Run {
    pub init: Pid,
    pub pidfd: OwnedFd,
    pub remains: Remains,
    pub since: Instant,
    /// RFC 3339; nothing when somebody else starts it.
    pub started_at: Option<String>,
}

/// The stop sequence.
#[derive(Clone, Copy)]
pub enum Stop {
    /// Asked; everything is killed at that time.
    Asked(Instant),
    Killed,
}

impl Supervisor {
    /// Stays until the container has ended for good and everything of it but its state is cleaned up.
    pub fn run(mut self) -> Result<()> {
        if self.run.started_at.is_some() {
            self.begun(Kind::Started);
        }
        loop {
            let ended = self.serve();
            let (failed, cleared) = self.clear(ended);
            let run = restart::Run {
                failed,
                lasted: self.run.since.elapsed(),
            };
            if !self.stays_ended(run) {
                continue;
            }
            return cleared;
        }
    }

    /// Until this run has ended.
    fn serve(&mut self) -> Option<WaitStatus> {
        // It may have ended before its signal could be caught.
        let mut ended = self.reap();
        while ended.is_none() {
            self.wait();
            while let Some(number) = self.signals.read() {
                self.hear(number);
            }
            self.kill_when_due();
            self.look_when_due();
            // After the signals are read: a SIGCHLD that comes from here on wakes the next poll.
            ended = self.reap();
        }
        ended
    }

    fn hear(&mut self, number: i32) {
        match number {
            libc::SIGTERM | libc::SIGINT if self.asked.is_none() => self.ask(),
            libc::SIGHUP => self.read_settings(),
            libc::SIGUSR1 if self.run.started_at.is_none() => self.started_by_other(),
            _ => {}
        }
    }

    /// Until something happens; output is read on the way.
    fn wait(&mut self) {
        let timeout = self
            .next_moment()
            .map(|at| timespec(at.saturating_duration_since(Instant::now())));
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let probes = [self.probe.as_ref(), self.hooks.as_ref()];
        for probe in probes.into_iter().flatten() {
            fds.push(PollFd::from_borrowed_fd(probe.output(), PollFlags::IN));
        }
        let others = fds.len();
        fds.extend(self.output.poll_fds());
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[others..].contains(&true) {
            self.output.read(&ready[others..]);
        }
        if ready[1..others].contains(&true) {
            self.hear_probes();
        }
    }

    /// When there is something to do even if nothing happens.
    fn next_moment(&self) -> Option<Instant> {
        let kill = match self.asked {
            Some(Stop::Asked(at)) => Some(at),
            Some(Stop::Killed) | None => None,
        };
        let hooks = self.hooks.as_ref().map(|hooks| hooks.until);
        [kill, self.health_moment(), hooks, self.unwritten.get()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes every child that has ended: the init, checks, and what was left to us as its subreaper.
    fn reap(&mut self) -> Option<WaitStatus> {
        let mut ended = None;
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if pid == self.run.init {
                ended = Some(status);
            } else {
                self.probe_ended(pid, status);
            }
        }
        ended
    }

    /// `start` has let it run.
    pub fn started_by_other(&mut self) {
        self.run.started_at = self.start_by_other();
        if self.run.started_at.is_some() {
            self.run.since = Instant::now();
            self.begun(Kind::Started);
            memory::release();
        }
    }

    /// The command runs: from now on it is looked at.
    fn begun(&mut self, kind: Kind) {
        let facts = Facts {
            pid: Some(self.run.init.as_raw_nonzero().get()),
            restarts: Some(self.restarts.count).filter(|count| *count > 0),
            ..Facts::default()
        };
        journal::tell(self.settings.events.as_ref(), &self.request.id, kind, facts);
        self.health = self
            .settings
            .health
            .clone()
            .map(|settings| Health::new(settings, Instant::now()));
        if self.health.is_some() || self.restarts.count > 0 {
            self.write_status(status::State::Running);
        }
    }

    /// A document that is broken now changes nothing.
    pub fn read_settings(&mut self) {
        let subject = self.document.display().to_string();
        let read = std::fs::read(&self.document).ok();
        let Some(settings) = read.and_then(|text| supervise::parse(&text, &subject).ok()) else {
            return;
        };
        self.output.reopen(settings.logs.clone());
        let health = settings.health != self.settings.health;
        self.settings = settings;
        if health && self.run.started_at.is_some() {
            self.stop_looking();
            self.health = self
                .settings
                .health
                .clone()
                .map(|settings| Health::new(settings, Instant::now()));
            self.write_status(status::State::Running);
        }
    }

    /// What follows the end of a run; false: the next one goes on.
    fn stays_ended(&mut self, mut run: restart::Run) -> bool {
        loop {
            let next = match self.last.requested {
                true => Next::End,
                false => self.restarts.after(run, &self.settings.restart),
            };
            let delay = match next {
                Next::End => {
                    self.tell_end(None);
                    self.write_status(status::State::Ended);
                    return true;
                }
                Next::GiveUp => {
                    self.tell_end(None);
                    self.tell(Kind::GaveUp);
                    self.write_status(status::State::GaveUp);
                    return true;
                }
                Next::After(delay) => delay,
            };
            self.tell_end(Some(delay));
            self.write_status(status::State::Waiting);
            memory::release();
            if self.rest(delay) {
                self.last.requested = true;
                self.tell_end(None);
                self.write_status(status::State::Ended);
                return true;
            }
            match life::again(self) {
                Ok(()) => {
                    self.begun(Kind::Restarted);
                    self.begin_hooks();
                    memory::release();
                    return false;
                }
                Err(error) => {
                    let status = self.reap();
                    if let (_, Err(error)) = self.clear(status) {
                        crate::log::warn(&error.to_string());
                    }
                    self.last.reason = Some(error.to_string());
                    run = restart::Run {
                        failed: true,
                        lasted: Duration::ZERO,
                    };
                }
            }
        }
    }

    /// Between two runs. True: it is to end.
    fn rest(&mut self, delay: Duration) -> bool {
        let end = Instant::now() + delay;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            // Interrupted or not: the signals are asked.
            let _ = poll(&mut fds, Some(&timespec(left)));
            while let Some(number) = self.signals.read() {
                match number {
                    libc::SIGTERM | libc::SIGINT => return true,
                    libc::SIGHUP => self.read_settings(),
                    _ => {}
                }
            }
            self.reap();
            if left.is_zero() {
                return false;
            }
        }
    }

    /// When `start` let it run: it writes that down last, and holds the lock until then.
    pub fn start_by_other(&self) -> Option<String> {
        let _lock = state::lock(&self.globals.root, &self.request.id).ok()?;
        State::load(&self.globals.root, &self.request.id)
            .ok()
            .filter(|state| state.started)?
            .started_at
    }
}

pub fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().cast_signed(),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
