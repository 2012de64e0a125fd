//! `pavlosc delete`: removes what is left of a stopped container.

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, usage};
use crate::error::{Error, Result};
use crate::state::{self, State, Status};
use crate::teardown;

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut id, mut force) = (None, false);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("force") | Short('f') => force = true,
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let id = id.ok_or_else(missing_id)?;
    let state = match State::load(&globals.root, &id) {
        // Unknown, or the state was never finished: nothing runs, the directory can go.
        Err(_) if force => return state::remove_directory(&globals.root, &id).map(|()| 0),
        other => other?,
    };
    match state.status() {
        Status::Stopped => {}
        _ if force => teardown::kill(&state)?,
        // Nothing has run in it yet, so nothing can be lost.
        Status::Created => teardown::kill(&state)?,
        status => {
            return Err(
                Error::new("delete container", id, format!("it is {}", status.name()))
                    .hint("stop it first, or use --force"),
            );
        }
    }
    teardown::container(globals, &state)?;
    Ok(0)
}
