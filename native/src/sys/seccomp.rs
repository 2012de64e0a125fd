//! seccomp(2).

use std::os::fd::{FromRawFd, OwnedFd};

use rustix::io::Errno;

/// Installs a filter for the calling thread. `Some`: the listener, when `flags` ask for one.
pub fn install(
    program: &[libc::sock_filter],
    flags: libc::c_ulong,
) -> Result<Option<OwnedFd>, Errno> {
    let len = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    // The kernel only reads it; the type has no const pointer.
    let program = libc::sock_fprog {
        len,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: `program` points to `len` instructions that live until the call returns, and the
    // kernel checks each of them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    let Ok(result) = i32::try_from(result) else {
        return Err(Errno::INVAL);
    };
    if result < 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    }
    if flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 {
        return Ok(None);
    }
    // SAFETY: with this flag a result that is no error is a new descriptor that nobody else has.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(result) }))
}
