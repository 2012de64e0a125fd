//! Where the program begins.
//!
//! `main` is C's: what Rust's own does before (a guard for stack overflows, read from /proc, and a
//! signal stack) costs fifteen system calls and serves nobody here.
//!
//! Before that comes `early`, where the linker is told to begin (build.rs): the C library's start asks
//! the processor what it can do, and in a virtual machine each such question is a trap of 30
//! microseconds. A program that is about to execute itself again (see `protect`) would pay
//! that twice, so it does so before. All that goes wrong here is done again, with words, by `protect`.

use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _arguments: *const *const c_char) -> c_int {
    // SAFETY: SIG_IGN is a valid disposition. A reader that is gone is an error of write, no end.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    open_standard_descriptors();
    // Asking the kernel for memory in small steps, and giving it back in between, takes many calls;
    // what is not touched costs nothing.
    #[cfg(target_env = "gnu")]
    // SAFETY: both options take numbers, and nobody else allocates meanwhile.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, c_int::MAX);
    }
    c_int::from(crate::cli::main(std::env::args_os().collect()))
}

/// A file that is opened later must not become standard output by having its number.
fn open_standard_descriptors() {
    let mut three = [0, 1, 2].map(|fd| libc::pollfd {
        fd,
        events: 0,
        revents: 0,
    });
    // SAFETY: the array lives through the call, and its length is three.
    unsafe { libc::poll(three.as_mut_ptr(), 3, 0) };
    for closed in three.iter().filter(|fd| fd.revents & libc::POLLNVAL != 0) {
        // SAFETY: opens the lowest free number, which is the one that is closed: they are in order.
        let fd = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if fd != closed.fd {
            crate::sys::process::exit(1);
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(debug_assertions)))]
mod early {
    use std::arch::{asm, global_asm};

    // The stack and rdx are handed on to the C library's start as the kernel gave them.
    global_asm!(
        ".globl pavlosc_start",
        "pavlosc_start:",
        "xor %ebp, %ebp",
        "mov %rsp, %r12",
        "mov %rdx, %r13",
        "mov %rsp, %rdi",
        "and $-16, %rsp",
        "call {early}",
        "mov %r12, %rsp",
        "mov %r13, %rdx",
        "jmp _start",
        early = sym early,
        options(att_syntax),
    );

    const SYS_GETEUID: usize = 107;
    const SYS_STATFS: usize = 137;
    const SYS_CLOSE: usize = 3;
    const SYS_EXECVEAT: usize = 322;
    const SYS_OPEN_TREE: usize = 428;
    const SYS_MOUNT_SETATTR: usize = 442;
    const AT_FDCWD: usize = -100isize as usize;
    const OPEN_TREE_CLONE_CLOEXEC: usize = 1 | 0o2_000_000;
    const ATTR_RDONLY: u64 = 1;
    const ST_RDONLY: usize = 1;
    /// Words of struct statfs, and which of them has the flags.
    const STATFS_WORDS: usize = 15;
    const STATFS_FLAGS: usize = 10;

    /// `stack`: the number of arguments, they and a null, the environment and a null.
    ///
    /// Nothing may be called or looked up in a table here: no relocation is done yet, and no
    /// function of the C library has been chosen.
    unsafe extern "C" fn early(stack: *const usize) {
        // SAFETY: the kernel's layout of a new process's stack; it ends with the nulls.
        unsafe {
            let arguments = stack.add(1);
            let environment = stack.add(*stack + 2);
            let mut argument = arguments;
            loop {
                if *argument == 0 {
                    return;
                }
                if enters_container(*argument as *const u8) {
                    break;
                }
                argument = argument.add(1);
            }
            execute_again(arguments, environment);
        }
    }

    /// `run`, `exec` or `create`: four to seven bytes with their NUL, compared as numbers.
    #[inline(always)]
    unsafe fn enters_container(text: *const u8) -> bool {
        // SAFETY: each byte is read only after those before it were not the NUL at the end.
        unsafe {
            match *text {
                b'r' => *text.add(1) == b'u' && *text.add(2) == b'n' && *text.add(3) == 0,
                b'e' => {
                    *text.add(1) == b'x'
                        && *text.add(2) == b'e'
                        && *text.add(3) == b'c'
                        && *text.add(4) == 0
                }
                b'c' => {
                    *text.add(1) == b'r'
                        && *text.add(2) == b'e'
                        && *text.add(3) == b'a'
                        && *text.add(4) == b't'
                        && *text.add(5) == b'e'
                        && *text.add(6) == 0
                }
                _ => false,
            }
        }
    }

    /// From a read-only mount of the own file; as root only, as `protect` decides.
    #[inline(always)]
    unsafe fn execute_again(arguments: *const usize, environment: *const usize) {
        let own = c"/proc/self/exe".as_ptr() as usize;
        let empty = c"".as_ptr() as usize;
        let mut about = [0usize; STATFS_WORDS];
        let attributes = [ATTR_RDONLY, 0, 0, 0];
        // SAFETY: each call gets what its manual page says: a path, a buffer of the right size, and
        // the two lists of the stack.
        unsafe {
            if call(SYS_STATFS, [own, about.as_mut_ptr() as usize, 0, 0, 0]) != 0
                || about[STATFS_FLAGS] & ST_RDONLY != 0
                || call(SYS_GETEUID, [0; 5]) != 0
            {
                return;
            }
            let mount = call(
                SYS_OPEN_TREE,
                [AT_FDCWD, own, OPEN_TREE_CLONE_CLOEXEC, 0, 0],
            );
            if mount < 0 {
                return;
            }
            let mount = mount as usize;
            let flags = libc::AT_EMPTY_PATH as usize;
            let size = size_of_val(&attributes);
            let set = [mount, empty, flags, attributes.as_ptr() as usize, size];
            if call(SYS_MOUNT_SETATTR, set) == 0 {
                let (arguments, environment) = (arguments as usize, environment as usize);
                call(SYS_EXECVEAT, [mount, empty, arguments, environment, flags]);
            }
            call(SYS_CLOSE, [mount, 0, 0, 0, 0]);
        }
    }

    #[inline(always)]
    unsafe fn call(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
        let result;
        // SAFETY: the kernel's calling convention; it changes rcx and r11 and what the arguments
        // point to.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") number => result,
                in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
                lateout("rcx") _, lateout("r11") _,
                options(nostack),
            );
        }
        result
    }
}
