//! `pavlosc start`: lets the commands of created containers run.

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, usage};
use crate::error::Result;
use crate::launch;

/// One container; with `--batch` any number, a JSON line for each, and exit code 1 when one failed.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut batch = false;
    let mut ids = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("batch") => batch = true,
            Value(value) if batch || ids.is_empty() => ids.push(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    if batch {
        return Ok(many(globals, &ids));
    }
    launch::start(&globals.root, ids.first().ok_or_else(missing_id)?)?;
    Ok(0)
}

fn many(globals: &Globals, ids: &[String]) -> u8 {
    let mut failed = false;
    for id in ids {
        let error = launch::start(&globals.root, id).err();
        failed |= error.is_some();
        super::print_result(id, error);
    }
    u8::from(failed)
}
