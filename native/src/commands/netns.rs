//! `pavlosc netns`: network namespaces at paths, made and set up in one go.

use lexopt::prelude::*;

use crate::cli::{Globals, usage};
use crate::error::{Error, Result};
use crate::netns::{Step, carry_out, within};

/// Carries out the JSON list of steps on standard input, in order, up to the first that fails.
pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut pid = None;
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("within") => {
                pid = Some(
                    args.value()
                        .and_then(|value| value.parse::<i32>())
                        .map_err(usage)?,
                );
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    let steps: Vec<Step> = serde_json::from_reader(std::io::stdin().lock())
        .map_err(|error| Error::new("read steps", "standard input", error.to_string()))?;
    if let Some(pid) = pid {
        within::enter(pid)?;
    }
    carry_out(&steps)?;
    Ok(0)
}
