//! Every `unsafe` of the crate: system calls that rustix does not wrap, one file a topic, one
//! paragraph a call: comment, SAFETY, call, and its own error.
#![allow(unsafe_code)]

pub mod bpf;
pub mod descriptor;
pub mod fork;
#[cfg(test)]
pub mod libseccomp;
pub mod memory;
pub mod mount;
pub mod net;
pub mod process;
pub mod seccomp;
pub mod signal;
#[cfg(not(test))]
mod start;

use rustix::io::Errno;

/// The result of a libc call that gives -1 and errno.
fn check(result: libc::c_int) -> rustix::io::Result<libc::c_int> {
    match result {
        -1 => Err(std::io::Error::last_os_error()
            .raw_os_error()
            .map_or(Errno::INVAL, Errno::from_raw_os_error)),
        _ => Ok(result),
    }
}

/// The result of a raw system call.
fn syscall(result: libc::c_long) -> rustix::io::Result<libc::c_long> {
    match result {
        -1 => Err(last_errno()),
        _ => Ok(result),
    }
}

fn last_errno() -> Errno {
    std::io::Error::last_os_error()
        .raw_os_error()
        .map_or(Errno::INVAL, Errno::from_raw_os_error)
}
