//! Making processes and changing what they are: clone3, namespaces, ids, capabilities, limits.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::sys::{check, syscall};

/// Place the child into the cgroup v2 directory given by a descriptor.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A child made by `clone3`.
#[derive(Debug)]
pub struct Child {
    pub pid: i32,
    pub pidfd: OwnedFd,
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Forks, with new namespaces by `CLONE_NEW*` flags. None: this is the child.
pub fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> rustix::io::Result<Option<Child>> {
    let mut pidfd: libc::c_int = -1;
    let mut args = CloneArgs {
        flags: flags | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        // A sibling's parent hears of its end as of its own children's.
        exit_signal: if flags & libc::CLONE_PARENT as u64 == 0 {
            libc::SIGCHLD as u64
        } else {
            0
        },
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: no CLONE_VM, so the child has its own copy of the memory, as after fork; the
    // process has one thread, so no lock is held by a thread that the child lacks. `args` and
    // `pidfd` live through the call.
    let pid =
        syscall(unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) })?;
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: the kernel has just made this descriptor and nobody else has it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Some(Child {
        pid: pid as i32,
        pidfd,
    }))
}

/// Leaves shared namespaces for new ones. Not for CLONE_FILES or CLONE_FS.
pub fn unshare(flags: i32) -> rustix::io::Result<()> {
    // SAFETY: only namespaces change; no memory is touched.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// Joins the namespace of a descriptor; `kind` is its CLONE_NEW* flag.
pub fn setns(fd: impl AsFd, kind: i32) -> rustix::io::Result<()> {
    // SAFETY: only namespaces change; the descriptor is open for the call.
    check(unsafe { libc::setns(fd.as_fd().as_raw_fd(), kind) }).map(drop)
}

/// Real, effective and saved user id of this (only) thread.
pub fn set_uid(uid: u32) -> rustix::io::Result<()> {
    // SAFETY: no memory is touched. The raw call acts on this thread; there is no other.
    syscall(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) }).map(drop)
}

/// Real, effective and saved group id of this (only) thread.
pub fn set_gid(gid: u32) -> rustix::io::Result<()> {
    // SAFETY: no memory is touched. The raw call acts on this thread; there is no other.
    syscall(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) }).map(drop)
}

/// Supplementary groups of this (only) thread.
pub fn set_groups(gids: &[u32]) -> rustix::io::Result<()> {
    // SAFETY: the pointer and the length are those of a slice.
    syscall(unsafe { libc::syscall(libc::SYS_setgroups, gids.len(), gids.as_ptr()) }).map(drop)
}

/// Capability sets as bit masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

/// _LINUX_CAPABILITY_VERSION_3: two 32-bit words a set.
const CAP_VERSION: u32 = 0x2008_0522;

/// This process's capabilities.
pub fn capabilities() -> rustix::io::Result<Capabilities> {
    let mut header = CapHeader {
        version: CAP_VERSION,
        pid: 0,
    };
    let mut data = [[0u32; 3]; 2];
    // SAFETY: version 3 reads a header and writes two records of three words.
    syscall(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    let set = |index: usize| u64::from(data[0][index]) | u64::from(data[1][index]) << 32;
    Ok(Capabilities {
        effective: set(0),
        permitted: set(1),
        inheritable: set(2),
    })
}

/// Sets this process's capabilities.
pub fn set_capabilities(sets: Capabilities) -> rustix::io::Result<()> {
    let mut header = CapHeader {
        version: CAP_VERSION,
        pid: 0,
    };
    let half = |shift: u32| {
        [
            (sets.effective >> shift) as u32,
            (sets.permitted >> shift) as u32,
            (sets.inheritable >> shift) as u32,
        ]
    };
    let data = [half(0), half(32)];
    // SAFETY: version 3 reads a header and two records of three words.
    syscall(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) }).map(drop)
}

/// prctl with plain numbers; the call must not take pointers.
pub fn prctl(option: i32, arg2: u64, arg3: u64) -> rustix::io::Result<i32> {
    // SAFETY: the callers in this crate give options whose arguments are numbers.
    check(unsafe { libc::prctl(option, arg2, arg3, 0u64, 0u64) })
}

/// A limit's soft and hard value of this process.
pub fn rlimit(resource: i32) -> rustix::io::Result<(u64, u64)> {
    let mut old = libc::rlimit64 {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: no new limit is given; `old` is written.
    check(unsafe { libc::prlimit64(0, resource as _, std::ptr::null(), &raw mut old) })?;
    Ok((old.rlim_cur, old.rlim_max))
}

/// Sets a limit of this process.
pub fn set_rlimit(resource: i32, soft: u64, hard: u64) -> rustix::io::Result<()> {
    let new = libc::rlimit64 {
        rlim_cur: soft,
        rlim_max: hard,
    };
    // SAFETY: `new` is read; no old limit is asked for.
    check(unsafe { libc::prlimit64(0, resource as _, &raw const new, std::ptr::null_mut()) })
        .map(drop)
}

/// Marks every descriptor from `first` on close-on-exec.
pub fn close_range_on_exec(first: u32) -> rustix::io::Result<()> {
    // SAFETY: nothing is closed now; only flags change.
    syscall(unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    })
    .map(drop)
}

/// Becomes the program at `path`; comes back only with an error.
pub fn exec(path: &OsStr, args: &[CString], env: &[CString]) -> Errno {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = CString::new(path.as_bytes()) else {
        return Errno::INVAL;
    };
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: both lists end with a null pointer and, as `path`, live until the call returns.
    unsafe { libc::execve(path.as_ptr(), args.as_ptr(), env.as_ptr()) };
    super::last_errno()
}

/// Becomes the program that is open as `fd`; comes back only with an error.
pub fn exec_fd(fd: impl AsFd, args: &[CString], env: &[CString]) -> Errno {
    let (args, env) = (pointers(args), pointers(env));
    // SAFETY: the path is empty and both lists end with a null pointer and live until the end.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_fd().as_raw_fd(),
            c"".as_ptr(),
            args.as_ptr(),
            env.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    super::last_errno()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|string| string.as_ptr())
        .chain([std::ptr::null()])
        .collect()
}

/// Ends the process at once: no destructors, no buffers, as a forked child must.
pub fn exit(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

/// Makes `fd` the controlling terminal of this session.
pub fn set_controlling_terminal(fd: impl AsFd) -> rustix::io::Result<()> {
    // SAFETY: the argument is a number.
    check(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) }).map(drop)
}

/// The other end of a pseudo-terminal, from its master: no path is looked up.
pub fn terminal_peer(master: impl AsFd) -> rustix::io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the argument is a number.
    let fd = check(unsafe { libc::ioctl(master.as_fd().as_raw_fd(), libc::TIOCGPTPEER, flags) })?;
    // SAFETY: the kernel has just made this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A new anonymous session keyring, so that the caller's keys are not inherited.
pub fn new_session_keyring() -> rustix::io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring.
    syscall(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0usize) })
        .map(drop)
}

/// The execution domain.
pub fn set_personality(persona: u64) -> rustix::io::Result<()> {
    // SAFETY: the argument is a number.
    check(unsafe { libc::personality(persona as _) }).map(drop)
}

/// Where this process's memory comes from: an MPOL_* mode with its flags, and a bit mask of nodes.
pub fn set_memory_policy(mode: u32, nodes: &[u64]) -> rustix::io::Result<()> {
    let mask = if nodes.is_empty() {
        std::ptr::null()
    } else {
        nodes.as_ptr()
    };
    // The kernel counts one bit more than it reads.
    let bits = if nodes.is_empty() {
        0
    } else {
        nodes.len() * 64 + 1
    };
    // SAFETY: the mask is as long as its bits say, or there is none.
    syscall(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) }).map(drop)
}

/// I/O scheduling class and priority of this process, as the kernel packs them.
pub fn set_io_priority(value: i32) -> rustix::io::Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: the arguments are numbers.
    syscall(unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) }).map(drop)
}

/// Scheduling attributes, as sched_setattr(2) takes them.
#[repr(C)]
#[derive(Debug, Default)]
pub struct SchedulingAttributes {
    pub size: u32,
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime: u64,
    pub deadline: u64,
    pub period: u64,
}

/// Scheduling policy of this process.
pub fn set_scheduler(mut attributes: SchedulingAttributes) -> rustix::io::Result<()> {
    attributes.size = size_of::<SchedulingAttributes>() as u32;
    // SAFETY: the struct is the kernel's first version of it and its size says so.
    syscall(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw mut attributes, 0) }).map(drop)
}

/// Closes every descriptor from 3 on but those in `keep`. For a process that owns no others.
pub fn close_others(mut keep: Vec<u32>) {
    keep.sort_unstable();
    let mut first = 3;
    for kept in keep.into_iter().filter(|kept| *kept >= 3) {
        if kept > first {
            close_range(first, kept - 1);
        }
        first = kept + 1;
    }
    close_range(first, u32::MAX);
}

fn close_range(first: u32, last: u32) {
    // SAFETY: the callers do not use the descriptors again: they never return to code that owns one.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}
