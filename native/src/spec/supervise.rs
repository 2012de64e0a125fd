//! supervise.json: what the supervisor does with a container's output, end and stop.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};

const STEP: &str = "read supervise.json";

/// The whole document (schema/supervise.schema.json).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervise {
    /// The format's version: 1.
    pub version: u32,
    pub logs: Logs,
    pub stop: Stop,
    /// Absolute path of the file that says how the container is, or ended.
    pub status: PathBuf,
    #[serde(default)]
    pub restart: Restart,
    #[serde(default)]
    pub health: Option<Health>,
    #[serde(default)]
    pub events: Option<Events>,
    #[serde(default)]
    pub hooks: Hooks,
}

/// Where the output goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Logs {
    /// Absolute path of the newest file; older ones are PATH.1, PATH.2 and so on.
    pub path: PathBuf,
    /// Bytes after which a new file begins; at least 64 KiB.
    pub max_size: u64,
    /// How many files are kept, the newest included; at least 1.
    pub max_files: u32,
}

/// How the command is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// The signal that asks; a name or a number in the document.
    #[serde(deserialize_with = "signal")]
    pub signal: i32,
    /// Milliseconds from asking to killing.
    pub timeout: u64,
}

/// What follows an end that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    pub policy: Policy,
    /// So many in a row without a good run in between; none: unlimited.
    pub max: Option<u32>,
    /// Milliseconds before the first; doubled with each that follows at once.
    pub backoff: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    Never,
    OnFailure,
    Always,
}

impl Default for Restart {
    fn default() -> Self {
        Self {
            policy: Policy::Never,
            max: None,
            backoff: 100,
        }
    }
}

/// How the supervisor knows that the command does its work. Times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Health {
    pub check: Check,
    pub interval: u64,
    pub timeout: u64,
    /// Failures in a row after which a healthy container is unhealthy.
    pub retries: u32,
    /// From the start on, until which the first success may come.
    pub start_period: u64,
}

/// Always done inside: the container's own network and files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Check {
    /// Healthy when its exit code is 0.
    Command { args: Vec<String> },
    /// Healthy when the answer's status is from 200 to 399.
    Http {
        host: String,
        port: u16,
        path: String,
    },
    /// Healthy when somebody accepts.
    Tcp { host: String, port: u16 },
}

/// Where changes of a container's state are told, one JSON line each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Absolute path of the newest file; the older one is PATH.1.
    pub path: PathBuf,
    /// The name that the lines carry.
    pub environment: String,
}

/// Commands that the supervisor runs inside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// After each restart of its own, one after another.
    #[serde(default)]
    pub started: Vec<Vec<String>>,
}

/// The smallest log file: one full piece of a line and its prefix fit many times.
pub const MIN_LOG: u64 = 64 << 10;

/// Parses and checks the document; `subject` names it in errors.
pub fn parse(text: &[u8], subject: &str) -> Result<Supervise> {
    let supervise: Supervise = serde_json::from_slice(text)
        .map_err(|error| Error::new(STEP, subject, error.to_string()))?;
    let wrong =
        |field: &str, reason: &str| Err(Error::new(STEP, format!("{subject}: {field}"), reason));
    if supervise.version != 1 {
        return wrong("version", "only version 1 is known")
            .map_err(|e| e.hint("use the pavlosc of this pavlos"));
    }
    if !supervise.logs.path.is_absolute() {
        return wrong("logs.path", "must be an absolute path");
    }
    if !supervise.status.is_absolute() {
        return wrong("status", "must be an absolute path");
    }
    if supervise.logs.max_size < MIN_LOG {
        return wrong("logs.maxSize", "must be at least 65536 bytes");
    }
    if !(1..=1000).contains(&supervise.logs.max_files) {
        return wrong("logs.maxFiles", "must be from 1 to 1000");
    }
    if supervise
        .events
        .as_ref()
        .is_some_and(|events| !events.path.is_absolute())
    {
        return wrong("events.path", "must be an absolute path");
    }
    if let Some(health) = &supervise.health {
        health_is_possible(health).map_err(|(field, reason)| {
            Error::new(STEP, format!("{subject}: health.{field}"), reason)
        })?;
    }
    Ok(supervise)
}

/// The field that is wrong, and why.
fn health_is_possible(health: &Health) -> std::result::Result<(), (&'static str, &'static str)> {
    let Health {
        check,
        interval,
        timeout,
        retries,
        ..
    } = health;
    match check {
        _ if *interval < 100 => Err(("interval", "must be at least 100 ms")),
        _ if *timeout == 0 => Err(("timeout", "must be at least 1 ms")),
        _ if *retries == 0 => Err(("retries", "must be at least 1")),
        Check::Command { args } if args.is_empty() => Err(("check.args", "is empty")),
        Check::Http { path, .. } if !path.starts_with('/') => {
            Err(("check.path", "must begin with /"))
        }
        Check::Http { port: 0, .. } | Check::Tcp { port: 0, .. } => {
            Err(("check.port", "must be from 1 to 65535"))
        }
        _ => Ok(()),
    }
}

fn signal<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<i32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(u32),
        Name(String),
    }
    let text = match Form::deserialize(deserializer)? {
        Form::Number(number) => number.to_string(),
        Form::Name(name) => name,
    };
    crate::signal::parse(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no signal")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(from: &str, to: &str) -> Result<Supervise> {
        let text = r#"{"version": 1, "logs": {"path": "/l/output.log", "maxSize": 10485760, "maxFiles": 5},
            "stop": {"signal": "SIGTERM", "timeout": 10000}, "status": "/s.json"}"#;
        assert!(text.contains(from), "{from}");
        parse(text.replacen(from, to, 1).as_bytes(), "supervise.json")
    }

    #[test]
    fn a_whole_document_is_read() {
        let read = document("version", "version").unwrap();
        assert_eq!(
            read.stop,
            Stop {
                signal: 15,
                timeout: 10000
            }
        );
        assert_eq!(
            read.logs,
            Logs {
                path: "/l/output.log".into(),
                max_size: 10 << 20,
                max_files: 5
            }
        );
        assert_eq!(document("\"SIGTERM\"", "\"INT\"").unwrap().stop.signal, 2);
        assert_eq!(document("\"SIGTERM\"", "2").unwrap().stop.signal, 2);
    }

    #[test]
    fn what_is_left_out_is_as_before() {
        let read = document("version", "version").unwrap();
        assert_eq!(read.restart.policy, Policy::Never);
        assert_eq!((read.health, read.events), (None, None));
        let read = document(
            "\"status\"",
            r#""restart": {"policy": "on-failure", "max": 3, "backoff": 50},
            "health": {"check": {"kind": "tcp", "host": "127.0.0.1", "port": 80}, "interval": 100,
                "timeout": 1, "retries": 1, "startPeriod": 0},
            "events": {"path": "/e", "environment": "api"}, "hooks": {"started": [["true"]]}, "status""#,
        );
        let read = read.unwrap();
        assert_eq!(
            (read.restart.policy, read.restart.max),
            (Policy::OnFailure, Some(3))
        );
        assert_eq!(read.hooks.started, [["true"]]);
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (from, to, expected) in [
            ("\"version\": 1", "\"version\": 2", "version"),
            ("/l/output.log", "output.log", "logs.path"),
            ("/s.json", "s.json", "status"),
            ("10485760", "100", "logs.maxSize"),
            ("\"maxFiles\": 5", "\"maxFiles\": 0", "logs.maxFiles"),
            ("SIGTERM", "SIGNOPE", "is no signal"),
            ("\"SIGTERM\"", "-1", "line"),
            ("\"timeout\"", "\"timeuot\"", "timeuot"),
            ("10000}", "-1}", "-1"),
        ] {
            let error = document(from, to).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
