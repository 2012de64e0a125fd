//! The health of a container: when it is looked at, and what the answers mean. Pure.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::spec::supervise::Health as Settings;

/// From one check to the next until the first success.
const EAGER: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Starting,
    Healthy,
    Unhealthy,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub healthy: bool,
    /// The last of what it said.
    pub output: String,
}

#[derive(Debug)]
pub struct Health {
    pub settings: Settings,
    pub status: Status,
    /// In a row.
    pub failures: u32,
    /// What the last check said.
    pub output: String,
    /// A check has succeeded since the start.
    succeeded: bool,
    began: Instant,
    next: Instant,
}

impl Health {
    /// Of a container that starts now.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            status: Status::Starting,
            failures: 0,
            output: String::new(),
            succeeded: false,
            began: now,
            next: now,
        }
    }

    /// When it is to be looked at.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Takes an answer. True: something changed that others want to know.
    pub fn take(&mut self, answer: Answer, now: Instant) -> bool {
        let before = (self.status, self.failures.min(1), self.output.clone());
        let late = now >= self.began + Duration::from_millis(self.settings.start_period);
        self.output = answer.output;
        if answer.healthy {
            self.succeeded = true;
            self.failures = 0;
            self.status = Status::Healthy;
        } else {
            self.failures = self.failures.saturating_add(1);
            let too_often = self.succeeded && self.failures >= self.settings.retries;
            if too_often || (!self.succeeded && late) {
                self.status = Status::Unhealthy;
            }
        }
        let eager = !self.succeeded && !late;
        self.next = now
            + if eager {
                EAGER
            } else {
                Duration::from_millis(self.settings.interval)
            };
        before != (self.status, self.failures.min(1), self.output.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::supervise::Check;

    fn health(now: Instant) -> Health {
        let check = Check::Tcp {
            host: "127.0.0.1".to_owned(),
            port: 80,
        };
        let settings = Settings {
            check,
            interval: 10_000,
            timeout: 1000,
            retries: 3,
            start_period: 1000,
        };
        Health::new(settings, now)
    }

    fn answer(healthy: bool) -> Answer {
        Answer {
            healthy,
            output: String::new(),
        }
    }

    #[test]
    fn it_is_looked_at_ten_times_a_second_until_the_first_success() {
        let begin = Instant::now();
        let mut health = health(begin);
        assert_eq!(health.due(), begin);
        health.take(answer(false), begin);
        assert_eq!(
            (health.status, health.due()),
            (Status::Starting, begin + EAGER)
        );
        assert!(health.take(answer(true), begin));
        assert_eq!(
            (health.status, health.due()),
            (Status::Healthy, begin + Duration::from_secs(10))
        );
    }

    #[test]
    fn without_a_success_in_its_start_period_it_is_unhealthy() {
        let begin = Instant::now();
        let mut health = health(begin);
        let late = begin + Duration::from_secs(1);
        assert!(health.take(answer(false), late));
        assert_eq!(
            (health.status, health.due()),
            (Status::Unhealthy, late + Duration::from_secs(10))
        );
        assert!(health.take(answer(true), late));
        assert_eq!(health.status, Status::Healthy);
    }

    #[test]
    fn later_it_takes_several_failures_in_a_row() {
        let begin = Instant::now();
        let mut health = health(begin);
        health.take(answer(true), begin);
        for failure in [false, false, true, false, false] {
            health.take(answer(failure), begin);
            assert_eq!(health.status, Status::Healthy);
        }
        assert!(health.take(answer(false), begin));
        assert_eq!((health.status, health.failures), (Status::Unhealthy, 3));
    }
}
