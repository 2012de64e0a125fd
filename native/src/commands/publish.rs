//! `pavlosc publish`: finished directories get the names under which others find them, so that a
//! power cut leaves each of them whole or absent.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use lexopt::prelude::*;
use rustix::fs::{Mode, OFlags, RenameFlags, fsync, open, renameat_with, syncfs};
use rustix::io::Errno;

use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};

/// Everything is on the disk, then each FROM is renamed, then the names are on the disk. A name
/// that is taken stays with its owner, and FROM stays where it is.
pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (path, names) = parse(args)?;
    let subject = || path.display().to_string();
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = open(&path, flags, Mode::empty()).at("open directory", subject())?;
    syncfs(&dir).at("sync file system", subject())?;
    for (from, to) in &names {
        rename(&dir, from, to)?;
    }
    fsync(&dir).at("sync directory", subject())?;
    Ok(0)
}

fn rename(dir: &OwnedFd, from: &OsString, to: &OsString) -> Result<()> {
    match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Error::os(
            "rename",
            format!("{} to {}", from.display(), to.display()),
            errno,
        )),
    }
}

type Names = Vec<(OsString, OsString)>;

fn parse(mut args: lexopt::Parser) -> Result<(PathBuf, Names)> {
    let mut values = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(value) => values.push(value),
            other => return Err(usage(other.unexpected())),
        }
    }
    let wrong = |reason: &'static str| {
        Error::new("read command line", "", reason).hint("pavlosc publish DIR FROM TO [FROM TO]...")
    };
    let mut values = values.into_iter();
    let dir = values
        .next()
        .ok_or_else(|| wrong("the directory is missing"))?;
    let mut names = Vec::new();
    while let Some(from) = values.next() {
        let to = values
            .next()
            .ok_or_else(|| wrong("a new name is missing"))?;
        for name in [&from, &to] {
            if name.is_empty()
                || name == "."
                || name == ".."
                || name.as_encoded_bytes().contains(&b'/')
            {
                return Err(wrong("a name is not that of an entry of the directory"));
            }
        }
        names.push((from, to));
    }
    Ok((dir.into(), names))
}
