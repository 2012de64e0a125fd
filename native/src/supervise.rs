//! The supervisor: the parent of a container, which keeps its output and its end.
#![allow(dead_code)] // until run --supervise calls it

pub mod log;
