//! `pavlosc pack`.

use std::io::BufWriter;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use lexopt::prelude::*;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::cli::{Globals, parsed, usage};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::pack::{Options, Style, pack};
use crate::userns::{self, Maps};

pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, paths, options) = parse(args)?;
    more_descriptors();
    let trees = paths
        .iter()
        .map(|path| {
            open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
                .at("open directory", path.display().to_string())
        })
        .collect::<Result<Vec<OwnedFd>>>()?;
    match maps {
        None => work(trees, options),
        Some(maps) => userns::run(&maps, || {
            work(trees, options).unwrap_or_else(|error| {
                log::error(&error);
                1
            })
        }),
    }
}

fn parse(mut args: lexopt::Parser) -> Result<(Option<Maps>, Vec<PathBuf>, Options)> {
    let mut maps = Maps::default();
    let mut paths = Vec::new();
    let mut options = Options {
        style: Style::Tree,
        epoch: None,
    };
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("uid-map") => maps.uids.push(parsed(&mut args)?),
            Long("gid-map") => maps.gids.push(parsed(&mut args)?),
            Long("layer") => options.style = Style::Layer,
            Long("epoch") => {
                options.epoch = Some(parsed(&mut args)?);
            }
            Value(path) => paths.push(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    if paths.is_empty() || (options.style == Style::Layer && paths.len() > 1) {
        return Err(Error::new(
            "read command line",
            "",
            "pack takes directories, topmost first; with --layer one",
        )
        .hint("pavlosc pack [OPTIONS] DIR..."));
    }
    Ok((maps.checked()?, paths, options))
}

fn work(trees: Vec<OwnedFd>, options: Options) -> Result<u8> {
    let out = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)
        .at("write archive", "standard output")?;
    let mut out = BufWriter::with_capacity(256 << 10, std::fs::File::from(out));
    pack(trees, &mut out, options)?;
    Ok(0)
}

/// One is open for each level and layer: many layers of deep trees need more than the usual 1024.
fn more_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it most trees can be packed nevertheless, and for others the error says what is short.
    let _ = setrlimit(Resource::Nofile, limit);
}
