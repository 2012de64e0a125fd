//! Whether and when a container is started again. Pure.

use std::time::Duration;

use crate::spec::supervise::{Policy, Restart};

/// A run of this length was a good one: what follows counts anew.
const GOOD: Duration = Duration::from_secs(10);

/// The longest pause between two starts.
const LONGEST: Duration = Duration::from_secs(60);

/// The restarts of one container so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restarts {
    /// All of them, for status.json.
    pub count: u32,
    /// Those without a good run in between.
    in_a_row: u32,
}

/// How a run ended that nobody asked to end.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    pub failed: bool,
    pub lasted: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It stays ended.
    End,
    /// It would be started again, but has failed too often.
    GiveUp,
    After(Duration),
}

impl Restarts {
    /// What follows a run; a restart is counted.
    pub fn after(&mut self, run: Run, policy: &Restart) -> Next {
        match policy.policy {
            Policy::Never => return Next::End,
            Policy::OnFailure if !run.failed => return Next::End,
            Policy::OnFailure | Policy::Always => {}
        }
        if run.lasted >= GOOD {
            self.in_a_row = 0;
        }
        if policy.max.is_some_and(|max| self.in_a_row >= max) {
            return Next::GiveUp;
        }
        let doubled = policy.backoff.saturating_mul(1 << self.in_a_row.min(20));
        self.count += 1;
        self.in_a_row += 1;
        Next::After(Duration::from_millis(doubled).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Run = Run {
        failed: true,
        lasted: Duration::ZERO,
    };

    fn policy(policy: Policy, max: Option<u32>) -> Restart {
        Restart {
            policy,
            max,
            backoff: 100,
        }
    }

    #[test]
    fn only_a_failure_counts_on_failure() {
        let done = Run {
            failed: false,
            ..FAILED
        };
        for (kind, after_failure, after_success) in [
            (Policy::Never, false, false),
            (Policy::OnFailure, true, false),
            (Policy::Always, true, true),
        ] {
            for (run, again) in [(FAILED, after_failure), (done, after_success)] {
                let next = Restarts::default().after(run, &policy(kind, None));
                assert_eq!(next != Next::End, again, "{kind:?} {run:?}");
            }
        }
    }

    #[test]
    fn the_pauses_double_up_to_a_minute() {
        let mut restarts = Restarts::default();
        let policy = policy(Policy::Always, None);
        let pauses: Vec<Next> = (0..40).map(|_| restarts.after(FAILED, &policy)).collect();
        let expected = [100, 200, 400, 800].map(|ms| Next::After(Duration::from_millis(ms)));
        assert_eq!(pauses[..4], expected);
        assert_eq!(pauses[39], Next::After(LONGEST));
        assert_eq!(restarts.count, 40);
    }

    #[test]
    fn it_gives_up_after_max_in_a_row_and_a_good_run_counts_anew() {
        let mut restarts = Restarts::default();
        let policy = policy(Policy::OnFailure, Some(2));
        let good = Run {
            lasted: GOOD,
            ..FAILED
        };
        let first = Next::After(Duration::from_millis(100));
        assert_eq!(restarts.after(FAILED, &policy), first);
        restarts.after(FAILED, &policy);
        assert_eq!(restarts.after(good, &policy), first);
        restarts.after(FAILED, &policy);
        assert_eq!(restarts.after(FAILED, &policy), Next::GiveUp);
        assert_eq!(restarts.count, 4);
    }
}
