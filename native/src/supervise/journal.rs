//! events.jsonl: a line for each change of a container's state, for `pavlos events`.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use serde::Serialize;

use crate::spec::supervise::Events;

/// Bytes after which a new file begins; one older file is kept.
const MAX: u64 = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Started,
    /// Started again by the supervisor.
    Restarted,
    /// It ended by itself.
    Exited,
    /// The kernel killed something in it for want of memory.
    Oom,
    Healthy,
    Unhealthy,
    /// It failed too often to be started again.
    GaveUp,
    /// A command after a restart failed.
    HookFailed,
    /// It ended because somebody asked for that.
    Stopped,
}

/// What one line says besides its time and its container; what is none is left out.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// Milliseconds until it is started again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again_in: Option<u64>,
    /// Why, or what a health check said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<&'a str>,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    environment: &'a str,
    container: &'a str,
    kind: Kind,
    #[serde(flatten)]
    facts: Facts<'a>,
}

/// Adds a line. A disk that refuses it keeps nothing else from happening. What the status says too
/// is told here first.
pub fn tell(events: Option<&Events>, container: &str, kind: Kind, facts: Facts<'_>) {
    let Some(events) = events else { return };
    let line = Line {
        time: crate::time::now(),
        environment: &events.environment,
        container,
        kind,
        facts,
    };
    let Ok(mut text) = serde_json::to_vec(&line) else {
        return;
    };
    text.push(b'\n');
    if std::fs::metadata(&events.path).is_ok_and(|file| file.len() > MAX) {
        let older = PathBuf::from(format!("{}.1", events.path.display()));
        let _ = std::fs::rename(&events.path, older);
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&events.path);
    let _ = file.and_then(|mut file| file.write_all(&text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_there_is_and_a_full_file_is_put_aside() {
        let path = std::env::temp_dir().join(format!("pavlosc-journal-{}", std::process::id()));
        let older = PathBuf::from(format!("{}.1", path.display()));
        let events = Events {
            path: path.clone(),
            environment: "api".to_owned(),
        };
        let facts = || Facts {
            exit_code: Some(3),
            ..Facts::default()
        };
        tell(Some(&events), "p-api", Kind::GaveUp, facts());
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = r#""environment":"api","container":"p-api","kind":"gave-up","exitCode":3}"#;
        assert!(text.ends_with(&format!("{expected}\n")), "{text}");
        std::fs::write(&path, vec![b'\n'; 2 << 20]).unwrap();
        tell(Some(&events), "p-api", Kind::Oom, Facts::default());
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
        assert_eq!(std::fs::metadata(&older).unwrap().len(), 2 << 20);
        tell(None, "p-api", Kind::Oom, Facts::default());
        for file in [path, older] {
            std::fs::remove_file(file).unwrap();
        }
    }
}
