//! The end of a container: its processes, its cgroups, its state.

use std::time::{Duration, Instant};

use rustix::process::{Signal, pidfd_send_signal};

use crate::cli::Globals;
use crate::error::{Error, Result};
use crate::log;
use crate::spec::Config;
use crate::state::{self, State};

/// How long the kernel may take to end killed processes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Kills every process of the container and waits until init is gone.
pub fn kill(state: &State) -> Result<()> {
    if let Some(pidfd) = state.init().open() {
        // Gone in between is fine.
        let _ = pidfd_send_signal(&pidfd, Signal::KILL);
    }
    let cgroups = state.cgroups();
    if !state.cgroup.is_empty() {
        cgroups.kill()?;
    }
    let end = Instant::now() + PATIENCE;
    while state.init().is_alive() {
        if Instant::now() > end {
            return Err(
                Error::new("kill container", state.id.as_str(), "its init does not end")
                    .hint("a process waits in the kernel for a disk or a network; try again later"),
            );
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A signal for every process of the container.
pub fn signal_all(state: &State, number: i32) -> Result<()> {
    if number == libc::SIGKILL {
        return kill(state);
    }
    for pid in state.cgroups().pids()? {
        crate::sys::signal::kill(pid.as_raw_nonzero().get(), number);
    }
    Ok(())
}

/// Removes a stopped container: stragglers, cgroups, state; then its poststop hooks run. Goes on
/// after an error and gives the first one.
pub fn container(globals: &Globals, state: &State) -> Result<()> {
    // It may be among what is removed.
    let config = state.load_config();
    let first = remains(globals, state);
    match config {
        Ok(config) => crate::launch::poststop(&config, state),
        // The bundle may be gone already: there are no hooks to run then.
        Err(error) => log::debug(|| error.to_string()),
    }
    first
}

/// The same for whoever still has the configuration.
pub fn known_container(globals: &Globals, state: &State, config: &Config) -> Result<()> {
    let first = remains(globals, state);
    crate::launch::poststop(config, state);
    first
}

fn remains(globals: &Globals, state: &State) -> Result<()> {
    let mut first = Ok(());
    let mut keep = |result: Result<()>| {
        if first.is_ok() {
            first = result;
        }
    };
    if !state.cgroup.is_empty() && !state.cgroups().remove_empty() {
        let cgroups = state.cgroups();
        keep(cgroups.kill());
        keep(cgroups.remove());
    }
    keep(state::remove_directory(&globals.root, &state.id));
    first
}
