//! `pavlosc stop`: ends containers, all at once, and removes them.

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, usage};
use crate::error::Result;
use crate::supervise::stop;

/// Prints one JSON line for each container; exit code 1 when one could not be stopped.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut ids = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(value) => ids.push(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    if ids.is_empty() {
        return Err(missing_id());
    }
    let mut failed = false;
    stop::all(globals, ids, |id, result| {
        failed |= result.is_err();
        super::print_result(id, result.err());
    })?;
    Ok(u8::from(failed))
}
