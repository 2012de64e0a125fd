//! The one error type: which step failed, on what, why, and what to do about it.

use std::fmt;

/// A failed step. `Display` gives one line: `step: subject: reason (hint)`.
#[derive(Debug, Clone)]
pub struct Error {
    /// What was being done, as a verb phrase: "mount overlay", "write memory.max".
    pub step: &'static str,
    /// What it was done to: a path, a field of config.json (`process.user.uid`), a process.
    pub subject: String,
    /// Why it failed; the text of the errno when there is one.
    pub reason: String,
    /// The errno, where a system call failed.
    pub errno: Option<i32>,
    /// What the user can do about it.
    pub hint: Option<String>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error without an errno.
    pub fn new(step: &'static str, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            step,
            subject: subject.into(),
            reason: reason.into(),
            errno: None,
            hint: None,
        }
    }

    /// A failed system call.
    pub fn os(step: &'static str, subject: impl Into<String>, errno: rustix::io::Errno) -> Self {
        Self {
            step,
            subject: subject.into(),
            reason: std::io::Error::from(errno).to_string(),
            errno: Some(errno.raw_os_error()),
            hint: None,
        }
    }

    /// The same error with the next step for the user.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
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
            step,
            subject: subject.into(),
            reason: error.to_string(),
            errno: error.raw_os_error(),
            hint: None,
        })
    }
}
