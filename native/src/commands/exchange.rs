//! `pavlosc exchange`: two paths change names at one moment; nobody ever finds one of them missing.

use std::path::PathBuf;

use lexopt::prelude::*;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, fsync, open, renameat_with};

use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};

pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(path) => paths.push(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    let Ok([left, right]) = <[PathBuf; 2]>::try_from(paths) else {
        return Err(
            Error::new("read command line", "", "exchange takes two paths")
                .hint("pavlosc exchange PATH PATH"),
        );
    };
    renameat_with(CWD, &left, CWD, &right, RenameFlags::EXCHANGE).at(
        "exchange",
        format!("{} and {}", left.display(), right.display()),
    )?;
    for path in [&left, &right] {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let Some(parent) = parent else { continue };
        let subject = || parent.display().to_string();
        let directory = open(parent, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        // A crash must not bring the old names back once somebody has acted upon the new ones.
        directory.and_then(fsync).at("write to disk", subject())?;
    }
    Ok(0)
}
