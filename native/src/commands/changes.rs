//! `pavlosc changes`.

use std::io::{BufWriter, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, open};

use crate::cli::{Globals, maps_and_paths};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::tree::changes::changes;
use crate::tree::lower::Lower;
use crate::userns;

pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, paths) = maps_and_paths(args)?;
    let mut directories = paths.iter().map(directory).collect::<Result<Vec<_>>>()?;
    if directories.is_empty() {
        return Err(Error::new("read command line", "", "the layer is missing")
            .hint("pavlosc changes [OPTIONS] UPPER LOWER..."));
    }
    let upper = directories.remove(0);
    let lower = Lower(directories);
    match maps {
        None => work(&upper, lower),
        Some(maps) => userns::run(&maps, || {
            work(&upper, lower).unwrap_or_else(|error| {
                log::error(&error);
                1
            })
        }),
    }
}

fn directory(path: &PathBuf) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).at("open directory", path.display().to_string())
}

fn work(upper: &OwnedFd, lower: Lower) -> Result<u8> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    changes(upper, lower, &mut |change| {
        let line = serde_json::to_string(&change).unwrap_or_default();
        if written.is_ok() {
            written = writeln!(out, "{line}");
        }
    })?;
    written
        .and_then(|()| out.flush())
        .at("print changes", "standard output")?;
    Ok(0)
}
