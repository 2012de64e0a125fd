//! Documents of a bundle.

pub mod resources;
pub mod seccomp;
pub mod supervise;
