//! Launching a container. `plan` turns config.json into a list of operations, pure and printable;
//! `init` is the container's first process, which executes them; `parent` makes that process,
//! gives it what it cannot take itself (id maps, cgroups, hooks) and hears how it went.
//!
//! ```text
//! let mut created = launch::create(&request)?;   // built, waiting
//! created.start()?;                              // Gate::Direct: the command runs
//! launch::start(&globals.root, id)?;             // Gate::Socket: the same, from any process
//! ```

mod account;
mod cgroupfs;
pub mod channel;
pub mod devices;
mod drivers;
mod exec;
mod hooks;
mod idmap;
mod init;
mod kernel;
pub mod listener;
pub mod mounts;
pub mod namespaces;
pub mod options;
mod overlay;
mod parent;
mod place;
pub mod plan;
mod reaper;
mod rootfs;
mod userns;

pub use parent::{Created, Gate, Request, create, create_from, start};

use crate::spec::Config;
use crate::state::{State, Status};

/// The hooks of a container that is gone; what fails is a warning.
pub fn poststop(config: &Config, state: &State) {
    let _ = hooks::run(
        &config.hooks.poststop,
        state,
        Status::Stopped,
        hooks::Failure::Warns,
    );
}

/// How many operations a configuration is.
#[cfg(test)]
pub fn plan_of(config: &Config) -> crate::error::Result<usize> {
    let facts = plan::Facts {
        bundle: "/bundle".into(),
        groups: true,
        new_keyring: true,
        admission: plan::Admission::Cgroups,
    };
    plan::make(config, &facts).map(|plan| plan.len())
}

/// How many instructions a profile is.
#[cfg(test)]
pub fn seccomp_of(profile: &crate::spec::seccomp::Seccomp) -> crate::error::Result<usize> {
    crate::seccomp::compile(profile).map(|filter| filter.length())
}
