//! Descriptors that come as numbers on the command line.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};

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

/// Closes descriptors, with one call where their numbers are next to each other.
pub fn close_all(files: Vec<OwnedFd>) {
    let mut numbers: Vec<u32> = files
        .iter()
        .map(|file| file.as_raw_fd().cast_unsigned())
        .collect();
    numbers.sort_unstable();
    // Owned no more: the calls below close exactly these.
    files.into_iter().for_each(std::mem::forget);
    for run in numbers.chunk_by(|one, next| one + 1 == *next) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            // SAFETY: every descriptor of the run was owned by the list, which has given it up.
            unsafe { libc::syscall(libc::SYS_close_range, *first, *last, 0) };
        }
    }
}

/// Files that were read or written and are not needed any more: `close_later` closes them together.
static LATER: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());

/// Instead of a drop, where more files follow soon and `close_later` after them.
pub fn later(fd: impl Into<OwnedFd>) {
    if let Ok(mut files) = LATER.lock() {
        files.push(fd.into());
    }
}

/// Closes what `later` has collected.
pub fn close_later() {
    if let Ok(mut files) = LATER.lock()
        && !files.is_empty()
    {
        close_all(std::mem::take(&mut files));
    }
}

/// For a container's init, when it is done with a descriptor: many are closed at once before the
/// command can run, which takes one system call instead of many. All are close-on-exec.
pub fn leave(fd: OwnedFd) {
    const MOST: u32 = 200;
    static LEFT: AtomicU32 = AtomicU32::new(0);
    if LEFT.fetch_add(1, Ordering::Relaxed) < MOST {
        std::mem::forget(fd);
    }
}

/// Closes every descriptor that came from whoever started this program: those that are not
/// close-on-exec, which all of our own are. 0, 1 and 2 become /dev/null.
pub fn close_inherited() -> Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .at("open", "/dev/null")?;
    rustix::stdio::dup2_stdin(&null).at("close standard input", "")?;
    rustix::stdio::dup2_stdout(&null).at("close standard output", "")?;
    rustix::stdio::dup2_stderr(&null).at("close standard error", "")?;
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .at("list descriptors", "/proc/self/fd")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in open.into_iter().filter(|number| *number > 2) {
        // SAFETY: F_GETFD reads a flag; a number that is closed by now gives -1.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            // SAFETY: nothing of this program owns a descriptor that is not close-on-exec.
            unsafe { libc::close(number) };
        }
    }
    Ok(())
}
