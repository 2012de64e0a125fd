//! `pavlosc duplicate`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, open};

use crate::cli::{Globals, parsed, usage};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::state::{State, Status};
use crate::supervise::pause::Pause;
use crate::tree::duplicate::{Summary, duplicate};
use crate::userns::{self, Maps};

pub fn run(globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let request = parse(args)?;
    let source = directory(&request.source)?;
    mkdirat(CWD, &request.target, Mode::RWXU)
        .at("make directory", request.target.display().to_string())?;
    let target = directory(&request.target)?;
    let pause = request
        .pause
        .as_deref()
        .map(|id| pause(globals, id))
        .transpose()?
        .flatten();
    let paused = pause.is_some();
    let code = match &request.maps {
        None => work(&source, &target, paused)?,
        Some(maps) => userns::run(maps, || {
            work(&source, &target, paused).unwrap_or_else(|error| {
                log::error(&error);
                1
            })
        })?,
    };
    pause.map_or(Ok(()), Pause::end)?;
    Ok(code)
}

struct Request {
    source: PathBuf,
    target: PathBuf,
    /// A container that is to stand still meanwhile.
    pause: Option<String>,
    maps: Option<Maps>,
}

fn parse(mut args: lexopt::Parser) -> Result<Request> {
    let mut maps = Maps::default();
    let mut pause = None;
    let mut paths = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("uid-map") => maps.uids.push(parsed(&mut args)?),
            Long("gid-map") => maps.gids.push(parsed(&mut args)?),
            Long("pause") => {
                pause = Some(args.value().and_then(ValueExt::string).map_err(usage)?);
            }
            Value(path) => paths.push(PathBuf::from(path)),
            other => return Err(usage(other.unexpected())),
        }
    }
    let Ok([source, target]) = <[PathBuf; 2]>::try_from(paths) else {
        return Err(
            Error::new("read command line", "", "duplicate takes two directories")
                .hint("pavlosc duplicate [OPTIONS] SOURCE TARGET"),
        );
    };
    Ok(Request {
        source,
        target,
        pause,
        maps: maps.checked()?,
    })
}

fn directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).at("open directory", path.display().to_string())
}

/// None: it stands still already, or cannot be made to; the summary says that it was not paused.
fn pause(globals: &Globals, id: &str) -> Result<Option<Pause>> {
    let state = State::load(&globals.root, id)?;
    match state.status() {
        Status::Running | Status::Created => {
            Pause::begin(state.cgroups()).map(Some).or_else(|error| {
                log::debug(|| error.to_string());
                Ok(None)
            })
        }
        _ => Ok(None),
    }
}

fn work(source: &OwnedFd, target: &OwnedFd, paused: bool) -> Result<u8> {
    #[derive(serde::Serialize)]
    struct Line {
        paused: bool,
        #[serde(flatten)]
        summary: Summary,
    }
    let summary = duplicate(source, target)?;
    crate::report::line(&Line { paused, summary });
    Ok(0)
}
