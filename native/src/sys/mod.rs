//! Every `unsafe` of the crate: system calls that rustix does not wrap, one file a topic, one
//! paragraph a call: comment, SAFETY, call, and its own error.
#![allow(unsafe_code)]

pub mod descriptor;
pub mod fork;
#[cfg(test)]
pub mod libseccomp;
pub mod mount;
pub mod net;
pub mod process;
pub mod seccomp;
