//! `pavlosc events --stats`: what a container uses, as one JSON line.

use std::io::Write;

use lexopt::prelude::*;
use serde::Serialize;

use crate::cgroup::Stats;
use crate::cli::{Globals, missing_id, usage};
use crate::error::{Context, Error, Result};
use crate::state::State;

#[derive(Serialize)]
struct Event {
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    data: Stats,
}

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut id, mut stats) = (None, false);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("stats") => stats = true,
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let id = id.ok_or_else(missing_id)?;
    if !stats {
        return Err(Error::new("events", id, "only --stats is supported")
            .hint("call `pavlosc events --stats ID` as often as you need it"));
    }
    let data = State::load(&globals.root, &id)?.cgroups().stats();
    let event = Event {
        kind: "stats",
        id,
        data,
    };
    let line = serde_json::to_string(&event)
        .map_err(|error| Error::new("print events", "", error.to_string()))?;
    writeln!(std::io::stdout(), "{line}").at("print events", "standard output")?;
    Ok(0)
}
