//! `pavlosc lock`: exclusive flocks on the caller's open files, for callers that cannot.

use lexopt::prelude::*;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::cli::{Globals, usage};
use crate::error::{Error, Result};
use crate::sys::descriptor;

/// Exit code 0: all taken, and kept by the caller's descriptors. 1: another holds one of them.
pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut wait = false;
    let mut numbers = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("wait") => wait = true,
            Value(value) => numbers.push(value.parse::<i32>().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    if numbers.is_empty() {
        return Err(Error::new(
            "read command line",
            "",
            "the number of the descriptor is missing",
        )
        .hint("pavlosc lock [--wait] FD..."));
    }
    let operation = if wait {
        FlockOperation::LockExclusive
    } else {
        FlockOperation::NonBlockingLockExclusive
    };
    for number in numbers {
        if !take(number, operation)? {
            return Ok(1);
        }
    }
    Ok(0)
}

/// False: another holds it.
fn take(number: i32, operation: FlockOperation) -> Result<bool> {
    let file = descriptor::duplicate(number)?;
    loop {
        match flock(&file, operation) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::os("lock", format!("descriptor {number}"), errno)),
        }
    }
}
