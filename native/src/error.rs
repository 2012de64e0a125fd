//! The one error type: which step failed, on what, why, and what to do about it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A failed step. `Display` gives one line: `step: subject: reason (hint)`. As JSON it travels
/// from a container's init to whoever started it, and to `--log-format json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Error {
    /// What was being done, as a verb phrase: "mount overlay", "write memory.max".
    pub step: Cow<'static, str>,
    /// What it was done to: a path, a field of config.json (`process.user.uid`), a process.
    pub subject: String,
    /// Why it failed; the text of the errno when there is one.
    pub reason: String,
    /// The errno, where a system call failed.
    pub errno: Option<i32>,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// The exit code that this error asks for (126 and 127 of a command that did not start);
    /// absent: the verb's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without an errno.
    pub fn new(step: &'static str, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            subject: subject.into(),
            reason: reason.into(),
            errno: None,
            hint: None,
            exit: None,
        }
    }

    /// A failed system call.
    pub fn os(step: &'static str, subject: impl Into<String>, errno: rustix::io::Errno) -> Self {
        Self {
            step: step.into(),
            subject: subject.into(),
            reason: std::io::Error::from(errno).to_string(),
            errno: Some(errno.raw_os_error()),
            hint: None,
            exit: None,
        }
    }

    /// The same error with the exit code that pavlosc gives for it.
    pub fn exit(mut self, code: u8) -> Self {
        self.exit = Some(code);
        self
    }

    /// The same error with the next step for the user.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error with no text longer than `limit` bytes.
    pub fn cut(&self, limit: usize) -> Self {
        let short = |text: &str| text[..text.floor_char_boundary(limit)].to_owned();
        Self {
            subject: short(&self.subject),
            reason: short(&self.reason),
            hint: self.hint.as_deref().map(short),
            ..self.clone()
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.step)?;
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        write!(f, "{}", self.reason)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// `rustix::Result` and `io::Result` with the step and the subject that failed.
pub trait Context<T> {
    fn at(self, step: &'static str, subject: impl Into<String>) -> Result<T>;
}

impl<T> Context<T> for rustix::io::Result<T> {
    fn at(self, step: &'static str, subject: impl Into<String>) -> Result<T> {
        self.map_err(|errno| Error::os(step, subject, errno))
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn at(self, step: &'static str, subject: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error {
            step: step.into(),
            subject: subject.into(),
            reason: error.to_string(),
            errno: error.raw_os_error(),
            hint: None,
            exit: None,
        })
    }
}
