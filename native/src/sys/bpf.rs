//! bpf(2), as far as device programs on cgroups need it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::{Errno, Result};

use super::syscall;

/// An instruction of the kernel's (extended) BPF: struct bpf_insn.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    pub code: u8,
    /// Destination in the low half, source in the high half.
    pub registers: u8,
    pub offset: i16,
    pub immediate: i32,
}

// Commands, types and flags of linux/bpf.h.
const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const PROG_QUERY: libc::c_int = 16;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
const ALLOW_MULTI: u32 = 2;
const REPLACE: u32 = 4;

/// The head of union bpf_attr for PROG_LOAD; what follows may be left out and counts as zero.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
}

/// ... for PROG_ATTACH and PROG_DETACH.
#[repr(C)]
struct Attach {
    target: i32,
    program: i32,
    kind: u32,
    flags: u32,
    replaced: i32,
}

/// ... for PROG_QUERY.
#[repr(C)]
struct Query {
    target: i32,
    kind: u32,
    query_flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    padding: u32,
}

/// Makes `program` the only device program of a cgroup: at once where there is one already.
pub fn set_device_program(cgroup: BorrowedFd, program: &[Instruction]) -> Result<()> {
    let new = load(program)?;
    let old = attached(cgroup)?;
    let Some((first, rest)) = old.split_first() else {
        return attach(cgroup, new.as_fd(), None);
    };
    attach(cgroup, new.as_fd(), Some(first.as_fd()))?;
    rest.iter().try_for_each(|old| detach(cgroup, old.as_fd()))
}

fn load(program: &[Instruction]) -> Result<OwnedFd> {
    let count = u32::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let attributes = Load {
        kind: TYPE_CGROUP_DEVICE,
        count,
        instructions: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
    };
    // SAFETY: both pointers are to memory that outlives the call, and `count` is the length.
    unsafe { new_descriptor(PROG_LOAD, &attributes) }
}

fn attach(cgroup: BorrowedFd, program: BorrowedFd, replaced: Option<BorrowedFd>) -> Result<()> {
    let attributes = Attach {
        target: cgroup.as_raw_fd(),
        program: program.as_raw_fd(),
        kind: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI | if replaced.is_some() { REPLACE } else { 0 },
        replaced: replaced.map_or(0, |replaced| replaced.as_raw_fd()),
    };
    // SAFETY: `attributes` holds no pointer.
    unsafe { call(PROG_ATTACH, &raw const attributes) }.map(drop)
}

fn detach(cgroup: BorrowedFd, program: BorrowedFd) -> Result<()> {
    let attributes = Attach {
        target: cgroup.as_raw_fd(),
        program: program.as_raw_fd(),
        kind: ATTACH_CGROUP_DEVICE,
        flags: 0,
        replaced: 0,
    };
    // SAFETY: `attributes` holds no pointer.
    unsafe { call(PROG_DETACH, &raw const attributes) }.map(drop)
}

/// The device programs on the cgroup itself.
fn attached(cgroup: BorrowedFd) -> Result<Vec<OwnedFd>> {
    // The kernel allows 64 programs of a kind on a cgroup.
    let mut ids = [0_u32; 64];
    let mut attributes = Query {
        target: cgroup.as_raw_fd(),
        kind: ATTACH_CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: 64,
        padding: 0,
    };
    // SAFETY: `ids` has room for the `count` numbers that the kernel writes, and so has
    // `attributes` for its answer; both outlive the call.
    unsafe { call(PROG_QUERY, (&raw mut attributes).cast_const()) }?;
    let count = usize::try_from(attributes.count).map_err(|_| Errno::INVAL)?;
    // SAFETY: the attribute of this command is a number.
    let open = |id: &u32| unsafe { new_descriptor(PROG_GET_FD_BY_ID, &[*id, 0, 0]) };
    ids.iter().take(count).map(open).collect()
}

/// A command whose result is a descriptor.
///
/// # Safety
/// As `call`; and the result of the command is a new descriptor.
unsafe fn new_descriptor<T>(command: libc::c_int, attributes: &T) -> Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let number = unsafe { call(command, attributes) }?;
    let number = i32::try_from(number).map_err(|_| Errno::INVAL)?;
    // SAFETY: the kernel has just made this descriptor and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// # Safety
/// `attributes` is the head of union bpf_attr for this command, and the pointers in it are valid
/// for what the command does with them.
unsafe fn call<T>(command: libc::c_int, attributes: *const T) -> Result<libc::c_long> {
    // SAFETY: `attributes` has the size that is given; the rest is the caller's promise.
    syscall(unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) })
}
