//! Launching a container. `plan` turns config.json into a list of operations, pure and printable;
//! `init` is the container's first process, which executes them; `parent` makes that process,
//! gives it what it cannot take itself (id maps, cgroups, hooks) and hears how it went.
//!
//! ```text
//! let mut created = launch::create(&request)?;   // built, waiting
//! created.start()?;                              // Gate::Direct: the command runs
//! launch::start(&globals.root, id)?;             // Gate::Socket: the same, from any process
//! ```

pub mod channel;
