//! `pavlosc enter`: a command in the user, mount and network namespaces of a process.

use std::os::unix::ffi::OsStringExt;

use lexopt::prelude::*;

use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};
use crate::netns::within;
use crate::process::program;
use crate::sys::process;

/// Becomes the command; it has all capabilities of the user namespace, whoever it is there.
pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut pid = None;
    let mut command = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(value) if pid.is_none() => {
                pid = Some(value.parse::<i32>().map_err(usage)?);
                command = args.raw_args().map_err(usage)?.collect();
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let Some(pid) = pid.filter(|_| !command.is_empty()) else {
        return Err(Error::new(
            "read command line",
            "",
            "a process and a command are needed",
        )
        .hint("pavlosc enter PID COMMAND..."));
    };
    within::enter(pid)?;
    keep_capabilities()?;
    let text = |word: std::ffi::OsString| String::from_utf8_lossy(&word.into_vec()).into_owned();
    let command: Vec<String> = command.into_iter().map(text).collect();
    let env: Vec<String> = std::env::vars_os()
        .map(|(name, value)| format!("{}={}", text(name), text(value)))
        .collect();
    Err(program::execute(&command, &env))
}

/// A program that does not run as root loses its capabilities unless they are ambient.
fn keep_capabilities() -> Result<()> {
    let mut sets = process::capabilities().at("read capabilities", "")?;
    sets.inheritable = sets.permitted;
    process::set_capabilities(sets).at("set capabilities", "")?;
    for capability in (0..64).filter(|capability| sets.permitted & (1 << capability) != 0) {
        process::prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE as u64,
            capability,
        )
        .at("keep capability", capability.to_string())?;
    }
    Ok(())
}
