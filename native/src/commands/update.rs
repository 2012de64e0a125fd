//! `pavlosc update`: other limits for a running container.

mod flags;

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
    let mut given = serde_json::Map::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("resources") | Short('r') => {
                file = Some(args.value().and_then(ValueExt::string).map_err(usage)?);
            }
            Long(name) if flags::find(name).is_some() => {
                let name = name.to_owned();
                let value = args.value().and_then(ValueExt::string).map_err(usage)?;
                flags::put(&mut given, &name, &value)?;
            }
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let id = id.ok_or_else(missing_id)?;
    let resources = match file {
        Some(file) => from_file(&file)?,
        None if given.is_empty() => {
            return Err(Error::new(
                "read command line",
                "--resources",
                "is missing",
            )
            .hint("give a file with linux.resources as JSON, - for standard input, or single limits such as --memory 64M"));
        }
        None => serde_json::from_value(given.into())
            .map_err(|error| Error::new("read command line", "", error.to_string()))?,
    };
    let state = State::load(&globals.root, &id)?;
    if state.status() == Status::Stopped {
        return Err(Error::new("update", id, "the container is stopped"));
    }
    state
        .cgroups()
        .update(&resources, cgroup::unprivileged())
        .map(|()| 0)
}

fn from_file(file: &str) -> Result<Resources> {
    let text = read(file).at("read resources", file)?;
    spec::parse_json(&text, "read resources").map_err(|error| Error {
        subject: format!("{file}: {}", error.subject),
        ..error
    })
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}
