//! `pavlosc kill`: a signal for the container's init, or for everything in it.

use std::os::fd::AsFd;

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, usage};
use crate::error::{Context, Error, Result};
use crate::signal;
use crate::spec::linux::NamespaceKind;
use crate::state::{State, Status};
use crate::sys;
use crate::teardown;

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut id, mut name, mut all) = (None, None, false);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("all") | Short('a') => all = true,
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            Value(value) if name.is_none() => name = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let id = id.ok_or_else(missing_id)?;
    let name = name.unwrap_or_else(|| "TERM".to_owned());
    let number = signal::parse(&name).ok_or_else(|| {
        Error::new("send signal", name.as_str(), "is no signal")
            .hint("a name such as TERM or a number from 1 to 64")
    })?;
    let state = State::load(&globals.root, &id)?;
    if all || (number == libc::SIGKILL && outlives_its_init(&state)) {
        return teardown::signal_all(&state, number).map(|()| 0);
    }
    match state.init().open() {
        Some(pidfd) if state.status() != Status::Stopped => {
            sys::signal::send(pidfd.as_fd(), number)
                .at("send signal", id)
                .map(|()| 0)
        }
        // Engines know this case by these words.
        _ => Err(Error::new("send signal", id, "container not running")),
    }
}

/// Without a pid namespace of its own, the end of the init is not the end of the others.
fn outlives_its_init(state: &State) -> bool {
    // A bundle may be gone before its container.
    (state.load_config()).is_ok_and(|config| !config.linux.is_new(NamespaceKind::Pid))
}
