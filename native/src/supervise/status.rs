//! status.json: how a container is, as far as only its supervisor knows, and how it ended.

use std::path::Path;

use rustix::process::WaitStatus;
use serde::Serialize;

use super::health;
use crate::error::{Context, Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Running,
    /// It has ended and is started again in a moment.
    Waiting,
    Ended,
    /// It has ended and failed too often to be started again.
    GaveUp,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub version: u32,
    pub state: State,
    /// RFC 3339; nothing when the command was never started.
    pub started_at: Option<String>,
    /// How its last run ended; all nothing while the first goes on.
    #[serde(flatten)]
    pub exit: Exit,
    /// Those by the supervisor.
    pub restarts: u32,
    pub health: Option<Health>,
}

/// The end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// RFC 3339.
    pub exited_at: Option<String>,
    /// The command's, or 128 + signal.
    pub exit_code: Option<i32>,
    /// The signal that ended the command.
    pub signal: Option<i32>,
    /// The stop sequence was running.
    pub requested: bool,
    /// The kernel has killed something in it for want of memory.
    pub oom: bool,
    /// Why it could not be started again.
    pub reason: Option<String>,
}

/// As the last check found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub status: health::Status,
    /// In a row.
    pub failures: u32,
    /// The last of what the last check said.
    pub output: String,
}

/// The exit code of a process by the shell's rule, and the signal that ended it.
pub fn exit_code(status: WaitStatus) -> (i32, Option<i32>) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code, None),
        (None, Some(signal)) => (128 + signal, Some(signal)),
        (None, None) => (255, None),
    }
}

/// Writes the document: a reader finds it whole or not at all.
pub fn write(path: &Path, status: &Status) -> Result<()> {
    let subject = path.display().to_string();
    let temporary = path.with_extension("json.new");
    let mut text = serde_json::to_vec(status)
        .map_err(|error| Error::new("write status", subject.clone(), error.to_string()))?;
    text.push(b'\n');
    std::fs::write(&temporary, text).at("write status", subject.clone())?;
    std::fs::rename(&temporary, path).at("write status", subject)
}

/// Removes the document of the time before.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).at("remove old status", path.display().to_string())
        }
        _ => Ok(()),
    }
}
