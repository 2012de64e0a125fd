//! `pavlosc mount`: mounts of running containers.

use crate::cli::{Globals, usage};
use crate::error::Result;
use crate::live::{self, mounts};

/// The requests are on standard input.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    match args.next().map_err(usage)? {
        None => live::run(&globals.root, mounts::serve),
        Some(other) => Err(usage(other.unexpected())),
    }
}
