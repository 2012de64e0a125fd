//! `pavlosc lock`: an exclusive flock on the caller's open file, for callers that cannot.

use lexopt::prelude::*;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::cli::{Globals, usage};
use crate::error::{Error, Result};
use crate::sys::descriptor;

/// Exit code 0: taken, and kept by the caller's descriptor. 1: another holds it.
pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut wait = false;
    let mut number = None;
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("wait") => wait = true,
            Value(value) if number.is_none() => number = Some(value.parse::<i32>().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    let number = number.ok_or_else(|| {
        Error::new(
            "read command line",
            "",
            "the number of the descriptor is missing",
        )
        .hint("pavlosc lock [--wait] FD")
    })?;
    let file = descriptor::duplicate(number)?;
    let operation = if wait {
        FlockOperation::LockExclusive
    } else {
        FlockOperation::NonBlockingLockExclusive
    };
    loop {
        match flock(&file, operation) {
            Ok(()) => return Ok(0),
            Err(Errno::WOULDBLOCK) => return Ok(1),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::os("lock", format!("descriptor {number}"), errno)),
        }
    }
}
