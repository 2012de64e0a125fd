//! `pavlosc hostname`: host names of running containers.

use lexopt::prelude::*;

use crate::cli::{Globals, usage};
use crate::error::Result;
use crate::live::{self, hostname};

/// The requests are on standard input; with `--show ID...` a JSON line for each says its name.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    match args.next().map_err(usage)? {
        None => live::run(&globals.root, hostname::serve),
        Some(Long("show")) => {
            let mut ids = Vec::new();
            while let Some(arg) = args.next().map_err(usage)? {
                match arg {
                    Value(id) => ids.push(id.string().map_err(usage)?),
                    other => return Err(usage(other.unexpected())),
                }
            }
            hostname::show(&globals.root, &ids)
        }
        Some(other) => Err(usage(other.unexpected())),
    }
}
