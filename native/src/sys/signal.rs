//! Signals: blocking them, reading them from a descriptor, sending them through a pidfd.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::error::{Context, Result};
use crate::sys::check;

/// The size of the kernel's signalfd_siginfo; its first four bytes are the signal's number.
const INFO: usize = 128;

/// Blocked signals, readable as a descriptor; poll it, then `read` until there is none.
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks `numbers` for this process (what it forks must call `unblock_all`) and catches them.
    pub fn block(numbers: impl IntoIterator<Item = i32>) -> Result<Self> {
        let set = set_of(numbers);
        // SAFETY: `set` is an initialised signal set and no old set is asked for.
        check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) })
            .at("block signals", "")?;
        // SAFETY: -1 asks for a new descriptor; `set` is initialised.
        let fd = check(unsafe {
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        })
        .at("open signalfd", "")?;
        // SAFETY: the kernel has just made this descriptor and nobody else has it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal that has come, if any.
    pub fn read(&self) -> Option<i32> {
        let mut info = [0u8; INFO];
        match rustix::io::read(&self.0, &mut info) {
            Ok(INFO) => Some(i32::from_ne_bytes([info[0], info[1], info[2], info[3]])),
            _ => None,
        }
    }
}

impl std::os::fd::AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// No signal blocked, and SIGPIPE (which Rust ignores) at its default: what a program expects.
pub fn unblock_all() {
    let set = set_of([]);
    // SAFETY: `set` is initialised; SIG_DFL is a valid disposition for SIGPIPE.
    unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Sends any signal, real-time ones included, to the process of a pidfd.
pub fn send(pidfd: BorrowedFd<'_>, number: i32) -> rustix::io::Result<()> {
    // SAFETY: the descriptor is open for the call; no siginfo is given, no memory is touched.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result < 0 {
        Err(last_errno())
    } else {
        Ok(())
    }
}

fn set_of(numbers: impl IntoIterator<Item = i32>) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before sigaddset touches it; a bad number only
    // makes sigaddset return an error.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for number in numbers {
            libc::sigaddset(set.as_mut_ptr(), number);
        }
        set.assume_init()
    }
}

fn last_errno() -> Errno {
    std::io::Error::last_os_error()
        .raw_os_error()
        .map_or(Errno::INVAL, Errno::from_raw_os_error)
}

/// Sends a signal to a process by number: for one's own child, whose number cannot be used again
/// before it is waited for. A process that is gone is fine.
pub fn kill(pid: i32, number: i32) {
    // SAFETY: no memory is touched.
    unsafe { libc::kill(pid, number) };
}
