//! `pavlosc start`: lets the command of a created container run.

use crate::cli::{Globals, only_id};
use crate::error::Result;
use crate::launch;

pub fn run(globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    launch::start(&globals.root, &only_id(args)?)?;
    Ok(0)
}
