//! Documents of a bundle.

pub mod supervise;
