//! `pavlosc state`: the OCI state as JSON.

use crate::cli::{Globals, only_id};
use crate::error::{Error, Result};
use crate::state::State;

pub fn run(globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let state = State::load(&globals.root, &only_id(args)?)?;
    let text = serde_json::to_string_pretty(&state.document(state.status()))
        .map_err(|error| Error::new("print state", state.id.as_str(), error.to_string()))?;
    println!("{text}");
    Ok(0)
}
