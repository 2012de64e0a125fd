//! Every `unsafe` of the crate: system calls that rustix does not wrap. One paragraph each.
#![allow(unsafe_code)]
