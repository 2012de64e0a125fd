//! From a fresh process to the supervisor of a container that runs, and from one run to the next.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::cgroup::Manager;
use crate::cli::Globals;
use crate::error::{Context, Error, Result};
use crate::launch::{self, Created, Gate};
use crate::spec::supervise;
use crate::supervise::Request;
use crate::supervise::events::{Run, Supervisor};
use crate::supervise::log::Log;
use crate::supervise::network::Network;
use crate::supervise::output::Output;
use crate::supervise::restart::Restarts;
use crate::supervise::status::Exit;
use crate::supervise::{remains::Remains, status};
use crate::sys::signal::Signals;
use crate::teardown;

/// What the supervisor acts on. SIGUSR1: `start` has started the container.
const SIGNALS: [i32; 5] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGUSR1,
];

/// What a container writes: each read end with its name.
type Streams = Vec<(OwnedFd, &'static str)>;

/// Creates the container as this process's child and starts it unless it is to be held.
pub fn begin(globals: &Globals, request: Request) -> Result<Supervisor> {
    let document = request.bundle.join("supervise.json");
    let subject = document.display().to_string();
    let settings = supervise::parse(
        &std::fs::read(&document).at("read bundle", subject.clone())?,
        &subject,
    )?;
    let log = Log::open(settings.logs.clone())?;
    status::remove(&settings.status)?;
    let (mut created, streams) = create(globals, &request, Existing::New)?;
    let started_at = match request.hold {
        true => None,
        false => Some(start(&mut created).inspect_err(|_| {
            // The first error is the one to show.
            let _ = teardown::container(globals, &created.state);
        })?),
    };
    // From here on an end of the container is an event.
    let signals = Signals::block(SIGNALS)?;
    let mut output = Output::new(log);
    output.attach(streams)?;
    let network = Network::of(&created.config, created.state.pid);
    let run = run_of(created, started_at)?;
    Ok(Supervisor {
        globals: Globals {
            root: globals.root.clone(),
            debug: globals.debug,
            cgroups: globals.cgroups,
        },
        request,
        document,
        settings,
        run,
        network,
        signals,
        output,
        restarts: Restarts::default(),
        last: Exit::default(),
        health: None,
        probe: None,
        hooks: None,
        asked: None,
        unwritten: Cell::default(),
    })
}

/// The same container anew, after its last run has been cleared away; its state stays in place.
pub fn again(supervisor: &mut Supervisor) -> Result<()> {
    let Supervisor {
        globals,
        request,
        network,
        ..
    } = supervisor;
    let (mut created, streams) = create(globals, request, Existing::Kept(network.as_ref()))?;
    let started = start(&mut created);
    let run = run_of(created, started.as_ref().ok().cloned())?;
    supervisor.run = run;
    started?;
    supervisor.output.attach(streams)
}

/// What there is of the container already.
enum Existing<'a> {
    New,
    /// Its state, and the network that it had.
    Kept(Option<&'a Network>),
}

fn create(
    globals: &Globals,
    request: &Request,
    existing: Existing<'_>,
) -> Result<(Created, Streams)> {
    let pipes = Pipes::new()?;
    let (keep_state, network) = match existing {
        Existing::New => (false, None),
        Existing::Kept(network) => (true, network.map(Network::path)),
    };
    let hold = request.hold && !keep_state;
    let mut created = launch::create(&launch::Request {
        root: &globals.root,
        id: &request.id,
        bundle: request.bundle.clone(),
        config: None,
        stdio: pipes.theirs,
        gate: if hold { Gate::Socket } else { Gate::Direct },
        die_with_parent: true,
        preserve_fds: 0,
        new_keyring: true,
        env: request.env.clone(),
        keep_state,
        network,
        cgroups: Manager::Cgroupfs,
    })?;
    let streams = match created.console.take() {
        Some(master) => vec![(master, "stdout")],
        None => vec![(pipes.stdout, "stdout"), (pipes.stderr, "stderr")],
    };
    Ok((created, streams))
}

/// The time of the start. After a failure nothing runs.
fn start(created: &mut Created) -> Result<String> {
    let started_at = crate::time::now();
    created.start().map(|()| started_at).inspect_err(|_| {
        // The first error is the one to show.
        let _ = teardown::kill(&created.state);
    })
}

fn run_of(created: Created, started_at: Option<String>) -> Result<Run> {
    let init = Pid::from_raw(created.state.pid)
        .ok_or_else(|| Error::new("supervise", created.state.id.as_str(), "no pid"))?;
    Ok(Run {
        init,
        remains: Remains::of(created.state.init(), created.state.cgroup),
        pidfd: created.pidfd,
        since: Instant::now(),
        started_at,
    })
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
