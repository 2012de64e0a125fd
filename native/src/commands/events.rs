//! `pavlosc events`.

use crate::cli::Globals;
use crate::error::{Error, Result};

pub fn run(_globals: &Globals, _args: lexopt::Parser) -> Result<u8> {
    Err(Error::new("events", "", "not built yet"))
}
