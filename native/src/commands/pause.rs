//! `pavlosc pause`: stops every process where it is.

use crate::cli::{Globals, only_id};
use crate::error::{Error, Result};
use crate::state::{State, Status};

pub fn run(globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let state = State::load(&globals.root, &only_id(args)?)?;
    match state.status() {
        Status::Running | Status::Created => state.cgroups().freeze().map(|()| 0),
        status => Err(Error::new(
            "pause",
            state.id,
            format!("the container is {}", status.name()),
        )),
    }
}
