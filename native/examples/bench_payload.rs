//! The program that bench/ runs in a container: its first instruction prints the monotonic clock. With an
//! argument it stays after that.
//!
//! `main` is C's, as pavlosc's own: what Rust's does before takes more system calls than all the rest,
//! and they would be counted as the runtime's.
#![no_main]
#![allow(unsafe_code, reason = "no runtime around it; it is not shipped")]

use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, _arguments: *const *const c_char) -> c_int {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is written. The kernel's page answers without a system call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let nanoseconds = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec);
    let line = format!("{nanoseconds}\n");
    // SAFETY: the pointer and the length are those of the text.
    let written = unsafe { libc::write(1, line.as_ptr().cast(), line.len()) };
    if count > 1 {
        // SAFETY: no memory is touched.
        unsafe { libc::pause() };
    }
    c_int::from(written < 0)
}
