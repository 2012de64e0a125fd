//! Errors and warnings for whoever called: text on standard error, or lines in `--log`.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

use serde::Serialize;

use crate::error::{Context, Error, Result};
use crate::time;

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl FromStr for Format {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("log format `{text}` is neither `text` nor `json`")),
        }
    }
}

struct Log {
    file: Option<File>,
    format: Format,
    debug: bool,
}

static LOG: OnceLock<Log> = OnceLock::new();

/// Where everything after this goes; the first call counts. The file is opened for appending.
pub fn init(file: Option<&Path>, format: Format, debug: bool) -> Result<()> {
    let file = match file {
        Some(path) => Some(
            File::options()
                .append(true)
                .create(true)
                .open(path)
                .at("open log", path.display().to_string())?,
        ),
        None => None,
    };
    let _ = LOG.set(Log {
        file,
        format,
        debug,
    });
    Ok(())
}

/// The log file's descriptor, for a process that closes all others.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    LOG.get()?.file.as_ref().map(AsFd::as_fd)
}

/// A failed command: to the log, and as text to standard error unless the log is that already.
pub fn error(error: &Error) {
    let log = LOG.get();
    let json = log.is_some_and(|log| log.format == Format::Json);
    match log.and_then(|log| log.file.as_ref()) {
        Some(file) => {
            put(file, &line("error", &error.to_string(), Some(error), json));
            let _ = writeln!(std::io::stderr(), "pavlosc: {error}");
        }
        None if json => put(
            &std::io::stderr(),
            &line("error", &error.to_string(), Some(error), true),
        ),
        None => {
            let _ = writeln!(std::io::stderr(), "pavlosc: {error}");
        }
    }
}

/// Something that was not possible and that the container can live without. Standard error shows
/// it with `--debug` only: it belongs to the command.
pub fn warn(message: &str) {
    minor("warning", message);
}

/// What happens, step by step, with `--debug` only.
pub fn debug(message: impl FnOnce() -> String) {
    if LOG.get().is_some_and(|log| log.debug) {
        minor("debug", &message());
    }
}

fn minor(level: &'static str, message: &str) {
    let Some(log) = LOG.get() else { return };
    let text = line(level, message, None, log.format == Format::Json);
    match &log.file {
        Some(file) => put(file, &text),
        None if log.debug => put(&std::io::stderr(), &text),
        None => {}
    }
}

/// One line in one write, so that lines of several processes do not mix. A log that cannot be
/// written must not stop a container.
fn put(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes());
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    time: String,
    msg: &'a str,
    #[serde(flatten)]
    error: Option<&'a Error>,
}

fn line(level: &'static str, msg: &str, error: Option<&Error>, json: bool) -> String {
    let time = time::now();
    if !json {
        return format!("{time} {level}: {msg}\n");
    }
    let line = Line {
        level,
        time,
        msg,
        error,
    };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}
