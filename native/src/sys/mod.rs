//! Every `unsafe` of the crate: system calls that rustix does not wrap, one file a topic, one
//! paragraph a call: comment, SAFETY, call, and its own error.
#![allow(unsafe_code)]
