//! `pavlosc kill`.

use crate::cli::Globals;
use crate::error::{Error, Result};

pub fn run(_globals: &Globals, _args: lexopt::Parser) -> Result<u8> {
    Err(Error::new("kill", "", "not built yet"))
}
