//! Descriptors that come as numbers on the command line.

use std::os::fd::{FromRawFd, OwnedFd};

use crate::error::{Context, Result};
use crate::sys::check;

/// A close-on-exec duplicate of descriptor `number`; the original stays as it is. Locks belong to
/// the open file description, which both share.
pub fn duplicate(number: i32) -> Result<OwnedFd> {
    // SAFETY: a number that is no descriptor gives EBADF.
    let fd = check(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })
        .at("use descriptor", number.to_string())?;
    // SAFETY: the kernel has just made this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
