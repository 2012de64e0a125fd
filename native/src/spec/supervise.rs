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
    /// Absolute path of the file that says how the container ended.
    pub status: PathBuf,
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
    Ok(supervise)
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
