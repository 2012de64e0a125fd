//! The last steps of a process that becomes a command inside, in the order in which the kernel
//! allows them; for a container's init and for exec alike.
//!
//! 1. `attributes::set` while the host's /proc and privileges are still there
//! 2. `account::find` once the container's root is ours
//! 3. `identity::assume`: ids, capabilities, directory, seccomp
//! 4. `program::execute`

pub mod account;
pub mod attributes;
pub mod capability;
pub mod identity;
pub mod memory;
pub mod program;
