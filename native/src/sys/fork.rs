//! A child process that goes on in the same program, by the C library's fork: unlike after a bare
//! clone3, threads can be started in it.

use rustix::process::Pid;

use crate::error::{Context, Result};
use crate::sys::check;

/// Runs `work` in a child process, which then exits with the code that `work` gives. Call it while
/// the process has a single thread.
pub fn fork(work: impl FnOnce() -> u8) -> Result<Pid> {
    // SAFETY: with a single thread no lock can be held by a thread that the child lacks, so that
    // all of the program may be used there.
    let pid = check(unsafe { libc::fork() }).at("fork", "")?;
    match Pid::from_raw(pid) {
        Some(pid) => Ok(pid),
        None => std::process::exit(work().into()),
    }
}
