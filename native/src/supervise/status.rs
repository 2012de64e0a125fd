//! status.json: how a container ended.

use std::path::Path;

use rustix::process::WaitStatus;
use serde::Serialize;

use crate::error::{Context, Error, Result};

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub version: u32,
    /// RFC 3339; nothing when the command was never started.
    pub started_at: Option<String>,
    /// RFC 3339.
    pub exited_at: String,
    /// The command's, or 128 + signal.
    pub exit_code: i32,
    /// The signal that ended the command.
    pub signal: Option<i32>,
    /// The stop sequence was running.
    pub requested: bool,
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
