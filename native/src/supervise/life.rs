//! From a fresh process to the supervisor of a container that runs.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::cli::Globals;
use crate::error::{Context, Error, Result};
use crate::launch::{self, Created, Gate};
use crate::spec::supervise;
use crate::supervise::Request;
use crate::supervise::events::Supervisor;
use crate::supervise::log::Log;
use crate::supervise::output::Output;
use crate::supervise::{remains::Remains, status};
use crate::sys::signal::Signals;
use crate::teardown;

/// What the supervisor acts on.
const SIGNALS: [i32; 4] = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

/// Creates the container as this process's child and starts it unless it is to be held.
pub fn begin(globals: &Globals, request: &Request) -> Result<Supervisor> {
    let document = request.bundle.join("supervise.json");
    let subject = document.display().to_string();
    let settings = supervise::parse(
        &std::fs::read(&document).at("read bundle", subject.clone())?,
        &subject,
    )?;
    let log = Log::open(settings.logs.clone())?;
    status::remove(&settings.status)?;
    let pipes = Pipes::new()?;
    let mut created = launch::create(&launch::Request {
        root: &globals.root,
        id: &request.id,
        bundle: request.bundle.clone(),
        stdio: pipes.theirs,
        gate: if request.hold {
            Gate::Socket
        } else {
            Gate::Direct
        },
        die_with_parent: true,
        preserve_fds: 0,
        new_keyring: true,
        env: request.env.clone(),
    })?;
    let started_at = if request.hold {
        None
    } else {
        Some(start(globals, &mut created)?)
    };
    // From here on an end of the container is an event.
    let signals = Signals::block(SIGNALS)?;
    let streams = match created.console.take() {
        Some(master) => vec![(master, "stdout")],
        None => vec![(pipes.stdout, "stdout"), (pipes.stderr, "stderr")],
    };
    let init = Pid::from_raw(created.state.pid)
        .ok_or_else(|| Error::new("supervise", request.id.as_str(), "no pid"))?;
    Ok(Supervisor {
        root: globals.root.clone(),
        id: request.id.clone(),
        document,
        settings,
        init,
        pidfd: created.pidfd,
        remains: Remains::of(created.state.init(), created.state.cgroup),
        signals,
        output: Output::new(log, streams)?,
        started_at,
    })
}

/// The time of the start. After a failure nothing of the container is left.
fn start(globals: &Globals, created: &mut Created) -> Result<String> {
    let started_at = crate::time::now();
    match created.start() {
        Ok(()) => Ok(started_at),
        Err(error) => {
            // The first error is the one to show.
            let _ = teardown::kill(&created.state);
            let _ = teardown::container(globals, &created.state);
            Err(error)
        }
    }
}

/// Both ends of the output; the command reads from nowhere.
struct Pipes {
    theirs: [Option<OwnedFd>; 3],
    stdout: OwnedFd,
    stderr: OwnedFd,
}

impl Pipes {
    fn new() -> Result<Self> {
        let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .at("open", "/dev/null")?;
        let (stdout, to_stdout) = pipe_with(PipeFlags::CLOEXEC).at("make pipe", "stdout")?;
        let (stderr, to_stderr) = pipe_with(PipeFlags::CLOEXEC).at("make pipe", "stderr")?;
        Ok(Self {
            theirs: [Some(null), Some(to_stdout), Some(to_stderr)],
            stdout,
            stderr,
        })
    }
}
