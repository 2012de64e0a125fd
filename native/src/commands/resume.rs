//! `pavlosc resume`: lets the processes of a paused container go on.

use crate::cli::{Globals, only_id};
use crate::error::{Error, Result};
use crate::state::{State, Status};

pub fn run(globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let state = State::load(&globals.root, &only_id(args)?)?;
    // A container that was paused before its start is `created`, and frozen.
    if state.status() == Status::Stopped || !state.cgroups().frozen()? {
        let reason = format!("the container is {}, not paused", state.status().name());
        return Err(Error::new("resume", state.id, reason));
    }
    state.cgroups().thaw().map(|()| 0)
}
