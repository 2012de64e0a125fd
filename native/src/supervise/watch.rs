//! Health checks as the supervisor does them: one at a time, never waited for.

use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitStatus};

use crate::supervise::events::Supervisor;
use crate::supervise::health::{self, Answer};
use crate::supervise::journal::{self, Facts, Kind};
use crate::supervise::probe::{Probe, Target};
use crate::supervise::status;

/// How often it is looked for a start that nobody told of.
const UNHEARD: Duration = Duration::from_millis(500);

impl Supervisor {
    /// When a check is to begin or has taken too long.
    pub fn health_moment(&self) -> Option<Instant> {
        match (&self.probe, &self.health) {
            (Some(probe), _) => Some(probe.until),
            (None, Some(health)) => Some(health.due()),
            // Whoever starts it may have been killed before it could say so.
            (None, None) if self.waits_for_start() => Some(Instant::now() + UNHEARD),
            (None, None) => None,
        }
    }

    fn waits_for_start(&self) -> bool {
        self.run.started_at.is_none() && self.settings.health.is_some() && self.asked.is_none()
    }

    pub fn look_when_due(&mut self) {
        let now = Instant::now();
        if self.waits_for_start() {
            self.started_by_other();
        }
        if self.unwritten.get().is_some_and(|at| at <= now) {
            self.write_status(status::State::Running);
        }
        for probe in [&self.probe, &self.hooks].into_iter().flatten() {
            if probe.until <= now {
                // Its end is an answer.
                probe.kill();
            }
        }
        if self.probe.is_some() {
            return;
        }
        let Some(health) = self.health.as_ref().filter(|health| health.due() <= now) else {
            return;
        };
        let limit = Duration::from_millis(health.settings.timeout);
        match Probe::begin(self.target(), &health.settings.check, limit) {
            Ok(probe) => self.probe = Some(probe),
            Err(error) => self.take_answer(Answer {
                healthy: false,
                output: error.to_string(),
            }),
        }
    }

    pub fn hear_probes(&mut self) {
        for probe in [&mut self.probe, &mut self.hooks].into_iter().flatten() {
            probe.read();
        }
    }

    /// A child has ended; it may have been one of these.
    pub fn probe_ended(&mut self, pid: Pid, status: WaitStatus) {
        let pid = pid.as_raw_nonzero().get();
        let (code, _) = status::exit_code(status);
        if let Some(probe) = self.probe.take_if(|probe| probe.pid() == pid) {
            self.take_answer(probe.answer(code));
        }
        if let Some(hooks) = self.hooks.take_if(|hooks| hooks.pid() == pid) {
            let answer = hooks.answer(code);
            if !answer.healthy {
                let facts = Facts {
                    output: Some(&answer.output),
                    ..Facts::default()
                };
                let events = self.settings.events.as_ref();
                journal::tell(events, &self.request.id, Kind::HookFailed, facts);
            }
        }
    }

    pub fn stop_looking(&mut self) {
        if let Some(probe) = self.probe.take() {
            probe.kill();
        }
        self.health = None;
    }

    /// What is to happen inside after each start.
    pub fn begin_hooks(&mut self) {
        if self.settings.hooks.started.is_empty() {
            return;
        }
        match Probe::hooks(self.target(), &self.settings.hooks.started) {
            Ok(hooks) => self.hooks = Some(hooks),
            Err(error) => crate::log::warn(&error.to_string()),
        }
    }

    fn take_answer(&mut self, answer: Answer) {
        let Some(health) = &mut self.health else {
            return;
        };
        let before = health.status;
        let news = health.take(answer, Instant::now());
        let after = health.status;
        match after {
            _ if before == after => {}
            health::Status::Healthy => self.tell(Kind::Healthy),
            health::Status::Unhealthy => self.tell(Kind::Unhealthy),
            health::Status::Starting => {}
        }
        // Last: who finds it in the status finds its event too.
        if news {
            self.write_status(status::State::Running);
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            root: &self.globals.root,
            id: &self.request.id,
        }
    }
}
