//! `pavlosc update`: other limits for a running container.

use std::io::Read;

use lexopt::prelude::*;

use crate::cgroup;
use crate::cli::{Globals, missing_id, usage};
use crate::error::{Context, Error, Result};
use crate::spec;
use crate::spec::resources::Resources;
use crate::state::{State, Status};

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut id, mut file) = (None, None);
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("resources") | Short('r') => {
                file = Some(args.value().and_then(ValueExt::string).map_err(usage)?);
            }
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let id = id.ok_or_else(missing_id)?;
    let file = file.ok_or_else(|| {
        Error::new("read command line", "--resources", "is missing")
            .hint("give a file with linux.resources as JSON, or - for standard input")
    })?;
    let text = read(&file).at("read resources", file.as_str())?;
    let resources: Resources =
        spec::parse_json(&text, "read resources").map_err(|error| Error {
            subject: format!("{file}: {}", error.subject),
            ..error
        })?;
    let state = State::load(&globals.root, &id)?;
    if state.status() == Status::Stopped {
        return Err(Error::new("update", id, "the container is stopped"));
    }
    state
        .cgroups()
        .update(&resources, cgroup::unprivileged())
        .map(|()| 0)
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}
