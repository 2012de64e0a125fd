//! The supervisor: the parent of a container, which keeps its output and its end.

mod log;
mod output;
mod remains;
mod status;
pub mod stop;
