//! `pavlosc list`: all containers.

use lexopt::prelude::*;

use crate::cli::{Globals, usage};
use crate::error::{Error, Result};
use crate::log;
use crate::state::{self, State};

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut json, mut quiet) = (false, false);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("format") | Short('f') => json = wants_json(&mut args)?,
            Long("quiet") | Short('q') => quiet = true,
            other => return Err(usage(other.unexpected())),
        }
    }
    let ids = state::ids(&globals.root)?;
    let mut states = Vec::with_capacity(ids.len());
    for id in &ids {
        match State::load(&globals.root, id) {
            Ok(state) => states.push(state),
            // Being made or removed just now, or half-written.
            Err(error) => log::warn(&error.to_string()),
        }
    }
    if quiet {
        states.iter().for_each(|state| println!("{}", state.id));
    } else if json {
        let documents: Vec<_> = states
            .iter()
            .map(|state| state.document(state.status()))
            .collect();
        let text = serde_json::to_string(&documents)
            .map_err(|error| Error::new("print list", "", error.to_string()))?;
        println!("{text}");
    } else {
        table(&states);
    }
    Ok(0)
}

/// `--format table` or `json`.
pub fn wants_json(args: &mut lexopt::Parser) -> Result<bool> {
    match args
        .value()
        .map_err(usage)?
        .string()
        .map_err(usage)?
        .as_str()
    {
        "json" => Ok(true),
        "table" => Ok(false),
        other => Err(Error::new(
            "read command line",
            "--format",
            format!("`{other}` is neither `table` nor `json`"),
        )),
    }
}

fn table(states: &[State]) {
    println!(
        "{:<32} {:>8} {:<8} {:<32} BUNDLE",
        "ID", "PID", "STATUS", "CREATED"
    );
    for state in states {
        let status = state.status();
        println!(
            "{:<32} {:>8} {:<8} {:<32} {}",
            state.id,
            state.pid,
            status.name(),
            state.created,
            state.bundle.display()
        );
    }
}
