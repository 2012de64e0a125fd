//! Terminals. A process inside never gets a terminal of the caller: it could type into it. It gets
//! a pty of the container's own devpts, or pipes, and this side carries the bytes.

pub mod flow;
pub mod foreground;
pub mod pty;
pub mod raw;
