//! One more process inside a container. Three processes take part: the caller's, which stays
//! outside, relays and waits; one that joins the container's cgroups and namespaces and is gone
//! at once; and its child, made as the caller's own, which becomes the command.

mod command;
mod inside;
mod join;
mod plan;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use crate::cli::Globals;
use crate::error::{Error, Result};
use crate::exec::command::Command;
use crate::launch::channel::Channel;
use crate::state::{State, Status};
use crate::sys::process;
use crate::terminal::foreground::{self, Stdio};

/// What the command line asks for.
#[derive(Debug, Default)]
pub struct Request {
    pub id: String,
    /// The command; empty with `process`.
    pub args: Vec<String>,
    /// A file with a whole `process` object instead of config.json's.
    pub process: Option<PathBuf>,
    pub tty: bool,
    pub detach: bool,
    pub cwd: Option<PathBuf>,
    /// `NAME=VALUE`, on top of config.json's.
    pub env: Vec<String>,
    /// `uid[:gid]` or `name[:group]`, looked up inside.
    pub user: Option<String>,
    pub pid_file: Option<PathBuf>,
    pub console_socket: Option<PathBuf>,
    /// So many of the caller's descriptors, from 3 on, go to the command.
    pub preserve_fds: u32,
}

/// Runs the command and gives its exit code; with `detach` 0 when it has begun.
pub fn run(globals: &Globals, request: &Request) -> Result<u8> {
    let state = State::load(&globals.root, &request.id)?;
    let init = living_init(&state)?;
    let plan = plan::make(&state, request)?;
    let signals = (!request.detach)
        .then(foreground::block_signals)
        .transpose()?;
    let relayed = !request.detach && !plan.process.terminal;
    let (pipes, stdio) = match relayed.then(foreground::pipes).transpose()? {
        Some((ours, theirs)) => (Some(ours), theirs),
        None => (None, Stdio::default()),
    };
    let (ours, theirs) = Channel::pair()?;
    let Some(joining) = process::clone3(0, None).map_err(|errno| Error::os("fork", "", errno))?
    else {
        drop((ours, pipes));
        join::run(
            &plan,
            &state,
            init.as_fd(),
            join::Ends {
                channel: theirs,
                stdio,
            },
        )
    };
    drop((theirs, stdio));
    let mut command = Command::arrive(&ours, &joining)?;
    command.begin(&ours, request.pid_file.as_deref())?;
    match signals {
        Some(signals) => command.relay(pipes, &signals),
        None => Ok(0),
    }
}

/// The init's pidfd, when the container can take a process.
fn living_init(state: &State) -> Result<OwnedFd> {
    let stopped = || {
        Error::new("exec", state.id.as_str(), "the container is stopped")
            .hint("a process can only be added while it runs; start it again")
    };
    let status = state.status();
    if status == Status::Stopped {
        return Err(stopped());
    }
    if status == Status::Paused {
        return Err(
            Error::new("exec", state.id.as_str(), "the container is paused")
                .hint(format!("pavlosc resume {}", state.id)),
        );
    }
    state.init().open().ok_or_else(stopped)
}
