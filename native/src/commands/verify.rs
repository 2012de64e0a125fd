//! `pavlosc verify`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use serde::Serialize;

use crate::cli::{Globals, parsed, usage};
use crate::error::{Context, Error, Result};
use crate::report;
use crate::root::RootFd;
use crate::userns::{self, Maps};
use crate::verify::{Depth, Report, verify};

/// A JSON line for each layer; exit code 0 whatever they say.
pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, depth, paths) = parse(args)?;
    let work = || {
        for path in &paths {
            report::line(&line(path, depth));
        }
        0
    };
    match maps {
        None => Ok(work()),
        Some(maps) => userns::run(&maps, work),
    }
}

/// What is said of one layer.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a Path,
    /// False: it has no list, and nothing can be said.
    listed: bool,
    #[serde(flatten)]
    report: Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

fn line(path: &Path, depth: Depth) -> Line<'_> {
    let mut line = Line {
        path,
        listed: true,
        report: Report::default(),
        error: None,
    };
    match look(path, depth) {
        Ok(Some(report)) => line.report = report,
        Ok(None) => line.listed = false,
        Err(error) => line.error = Some(error),
    }
    line
}

fn look(path: &Path, depth: Depth) -> Result<Option<Report>> {
    let tree = RootFd::open_host(&path.join("tree"))?;
    let list = match File::open(path.join("list")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.at("open list", path.display().to_string())?,
    };
    verify(&tree, list, depth).map(Some)
}

fn parse(mut args: lexopt::Parser) -> Result<(Option<Maps>, Depth, Vec<PathBuf>)> {
    let mut maps = Maps::default();
    let mut depth = Depth::Content;
    let mut paths = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("uid-map") => maps.uids.push(parsed(&mut args)?),
            Long("gid-map") => maps.gids.push(parsed(&mut args)?),
            Long("no-content") => depth = Depth::Facts,
            Value(path) => paths.push(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok((maps.checked()?, depth, paths))
}
