//! `pavlosc complete`.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, mkdirat};
use rustix::io::Errno;
use serde::Serialize;

use crate::cli::{Globals, maps_and_paths};
use crate::complete::{Layer, complete};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::report;
use crate::root::RootFd;
use crate::userns::{self, Maps};

/// Makes TREE, the layer of directories that the LAYERs (topmost first) need on top of them.
pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, tree, paths) = parse(args)?;
    let subject = || tree.display().to_string();
    match mkdirat(CWD, &tree, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno).at("make directory", subject()),
    }
    let root = RootFd::open_host(&tree)?;
    let layers = paths
        .iter()
        .map(|path| Layer::open(path, list(path)?))
        .collect::<Result<Vec<_>>>()?;
    let work = || complete(&root, &layers).map(|made| report::line(&Made { made }));
    match maps {
        None => work().map(|()| 0),
        Some(maps) => userns::run(&maps, || match work() {
            Ok(()) => 0,
            Err(error) => {
                log::error(&error);
                1
            }
        }),
    }
}

#[derive(Serialize)]
struct Made {
    made: u64,
}

/// Only of layers with made-up directories; they have a file that says so.
fn list(path: &Path) -> Result<Option<File>> {
    match path.join("implied").exists() {
        true => File::open(path.join("list"))
            .at("open list", path.display().to_string())
            .map(Some),
        false => Ok(None),
    }
}

fn parse(args: lexopt::Parser) -> Result<(Option<Maps>, PathBuf, Vec<PathBuf>)> {
    let (maps, paths) = maps_and_paths(args)?;
    match paths.split_first() {
        Some((tree, layers)) if !layers.is_empty() => Ok((maps, tree.clone(), layers.to_vec())),
        _ => Err(Error::new(
            "read command line",
            "",
            "complete takes a directory and layers",
        )
        .hint("pavlosc complete [OPTIONS] TREE LAYER...")),
    }
}
