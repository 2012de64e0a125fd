//! Calls of systemd's manager over D-Bus, by systemd's own program for that.

use std::path::Path;
use std::process::{Command, Stdio};

use super::unit::Unit;
use crate::error::{Context, Error, Result};

const STEP: &str = "call systemd";

/// Not from PATH, which the caller of a runtime chooses.
const PROGRAMS: [&str; 3] = [
    "/usr/bin/busctl",
    "/bin/busctl",
    "/run/current-system/sw/bin/busctl",
];

const TARGET: [&str; 3] = [
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
];

const NO_BUS: &str = "start dbus.socket, or use the cgroupfs manager";

const NO_USER_BUS: &str = "log in through PAM or run `loginctl enable-linger`, so that XDG_RUNTIME_DIR and the user's \
    bus are there, or use the cgroupfs manager";

pub fn program() -> Result<&'static str> {
    PROGRAMS
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or_else(|| {
            Error::new(STEP, "busctl", "there is no such program")
                .hint("systemd does not run this machine: use the cgroupfs manager")
        })
}

/// Calls a method of the manager and waits for its answer. `arguments` are written as busctl(1) wants
/// them: one word for each value, arrays with their length first.
pub fn call(
    unit: &Unit,
    method: &'static str,
    signature: &str,
    arguments: &[String],
) -> Result<()> {
    let subject = format!("{method} {}", unit.name);
    let bus = if unit.user { "--user" } else { "--system" };
    let output = Command::new(program()?)
        .args([bus, "--timeout=30", "--allow-interactive-authorization=no"])
        .args(["--", "call"])
        .args(TARGET)
        .args([method, signature])
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .at(STEP, subject.as_str())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failure(unit, subject, said.trim()))
}

fn failure(unit: &Unit, subject: String, said: &str) -> Error {
    let reason = said.strip_prefix("Call failed: ").unwrap_or(said);
    let error = Error::new(STEP, subject, reason);
    if reason.contains("connect to") || reason.contains("set bus address") {
        error.hint(if unit.user { NO_USER_BUS } else { NO_BUS })
    } else {
        error
    }
}

/// The unit could not be made because one of this name is there.
pub fn exists(error: &Error) -> bool {
    error.reason.contains("already loaded") || error.reason.contains("already exists")
}

/// There is no such unit.
pub fn missing(error: &Error) -> bool {
    error.reason.contains("not loaded") || error.reason.contains("not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_told_apart() {
        let unit = Unit::new(Some("::a"), "c1", true).unwrap();
        let said = |text: &str| failure(&unit, "StartTransientUnit a.scope".to_owned(), text);
        let there = said("Call failed: Unit a.scope was already loaded or has a fragment file.");
        assert!(exists(&there) && !missing(&there));
        assert_eq!(
            there.to_string(),
            "call systemd: StartTransientUnit a.scope: Unit a.scope was already loaded or has a fragment file."
        );
        let gone = said("Call failed: Unit a.scope not loaded.");
        assert!(missing(&gone) && !exists(&gone));
        let none = said(
            "Failed to connect to user scope bus via local transport: No such file or directory",
        );
        assert!(none.hint.is_some() && !missing(&none) && !exists(&none));
    }
}
