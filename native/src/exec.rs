//! One more process inside a container. Three processes take part: the caller's, which stays
//! outside, relays and waits; one that joins the container's cgroups and namespaces and is gone
//! at once; and its child, made as the caller's own, which becomes the command.

mod command;
mod inside;
mod join;
mod plan;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::cli::Globals;
use crate::error::{Error, Result};
use crate::exec::command::Command;
use crate::exec::plan::Plan;
use crate::launch::channel::Channel;
use crate::launch::listener;
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
    /// Besides those of config.json.
    pub capabilities: Vec<String>,
    pub groups: Vec<u32>,
    pub no_new_privileges: bool,
    pub apparmor_profile: Option<String>,
    pub selinux_label: Option<String>,
    /// Cgroups below the container's that the command goes to.
    pub cgroups: Vec<SubCgroup>,
    /// Join a paused container too; the command waits until it is resumed.
    pub ignore_paused: bool,
    pub pid_file: Option<PathBuf>,
    pub console_socket: Option<PathBuf>,
    /// Where the command's pidfd goes.
    pub pidfd_socket: Option<PathBuf>,
    /// So many of the caller's descriptors, from 3 on, go to the command.
    pub preserve_fds: u32,
}

/// `[CONTROLLER[,...]:]PATH`, as runc has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubCgroup {
    /// v1 controllers; none: every hierarchy.
    pub controllers: Vec<String>,
    /// Below the container's own directory, and without `..`.
    pub path: PathBuf,
}

impl FromStr for SubCgroup {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (controllers, path) = match text.split_once(':') {
            Some((names, path)) => (names.split(',').map(str::to_owned).collect(), path),
            None => (Vec::new(), text),
        };
        let path = PathBuf::from(path.trim_start_matches('/'));
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if path.components().all(plain) && !text.contains('\0') {
            Ok(Self { controllers, path })
        } else {
            Err(format!("{text:?} is no path below the container's cgroup"))
        }
    }
}

/// Runs the command and gives its exit code; with `detach` 0 when it has begun.
pub fn run(globals: &Globals, request: &Request) -> Result<u8> {
    let (state, init) = find(&globals.root, request)?;
    let plan = plan::make(&state, request)?;
    let signals = (!request.detach)
        .then(foreground::block_signals)
        .transpose()?;
    let relayed = !request.detach && !plan.process.terminal;
    let (pipes, stdio) = match relayed.then(foreground::pipes).transpose()? {
        Some((ours, theirs)) => (Some(ours), theirs),
        None => (None, Stdio::default()),
    };
    let mut inside = Inside {
        state: &state,
        init,
        plan: &plan,
    }
    .enter(stdio)?;
    inside.command.prepare()?;
    if let Some(path) = &request.pidfd_socket {
        inside.command.announce(path)?;
    }
    inside.begin(request.pid_file.as_deref())?;
    match signals {
        Some(signals) => inside.command.relay(pipes, &signals),
        None => Ok(0),
    }
}

/// Runs the command with this process's own input and output. None: it had not ended within
/// `limit`, and was killed with its session.
pub fn run_within(root: &Path, request: &Request, limit: Duration) -> Result<Option<u8>> {
    let (state, init) = find(root, request)?;
    let plan = plan::make(&state, request)?;
    let mut inside = Inside {
        state: &state,
        init,
        plan: &plan,
    }
    .enter(Stdio::default())?;
    inside.begin(None)?;
    inside.command.wait_within(limit)
}

/// Where a command is to go.
struct Inside<'a> {
    state: &'a State,
    init: OwnedFd,
    plan: &'a Plan,
}

/// One that has arrived there.
struct Arrived<'a> {
    command: Command,
    channel: Channel,
    state: &'a State,
    plan: &'a Plan,
}

impl<'a> Inside<'a> {
    fn enter(self, stdio: Stdio) -> Result<Arrived<'a>> {
        let (ours, theirs) = Channel::pair()?;
        let Some(joining) =
            process::clone3(0, None).map_err(|errno| Error::os("fork", "", errno))?
        else {
            drop(ours);
            let ends = join::Ends {
                channel: theirs,
                stdio,
            };
            join::run(self.plan, self.state, self.init.as_fd(), ends)
        };
        drop((theirs, stdio));
        let command = Command::arrive(&ours, &joining)?;
        Ok(Arrived {
            command,
            channel: ours,
            state: self.state,
            plan: self.plan,
        })
    }
}

impl Arrived<'_> {
    fn begin(&mut self, pid_file: Option<&Path>) -> Result<()> {
        let seccomp = self.plan.seccomp.as_ref();
        let hand_over =
            |pid, fd| listener::hand_over(seccomp, (self.state, Status::Running), (pid, fd));
        self.command.begin(&self.channel, pid_file, hand_over)
    }
}

/// The container and its init's pidfd, when it can take a process.
fn find(root: &Path, request: &Request) -> Result<(State, OwnedFd)> {
    let state = State::load(root, &request.id)?;
    let init = living_init(&state, request)?;
    Ok((state, init))
}

/// The init's pidfd, when the container can take a process.
fn living_init(state: &State, request: &Request) -> Result<OwnedFd> {
    let stopped = || {
        Error::new("exec", state.id.as_str(), "the container is stopped")
            .hint("a process can only be added while it runs; start it again")
    };
    let status = state.status();
    if status == Status::Stopped {
        return Err(stopped());
    }
    if status == Status::Paused && !request.ignore_paused {
        return Err(
            Error::new("exec", state.id.as_str(), "the container is paused")
                .hint(format!("pavlosc resume {}", state.id)),
        );
    }
    state.init().open().ok_or_else(stopped)
}
