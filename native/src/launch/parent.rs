//! The creating side: makes init, gives it what it cannot take itself, hears how it went.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{Pid, Signal, WaitIdOptions};

use super::channel::{Channel, Message};
use super::place::{self, Place};
use super::{hooks, init, listener, plan, userns};
use crate::cgroup::{self, Cgroups};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::netns;
use crate::spec::{self, Config, linux::NamespaceKind};
use crate::state::{self, Process, State, Status};
use crate::sys::descriptor::{close_later, later};
use crate::sys::process::{Child, clone3, setns};
use crate::time;

/// The socket in the state directory on which a created container waits for `start`.
const GATE: &str = "start.sock";

/// What to build.
pub struct Request<'a> {
    /// Directory of the containers' states.
    pub root: &'a Path,
    pub id: &'a str,
    /// Absolute.
    pub bundle: PathBuf,
    /// Absolute: in place of the bundle's config.json.
    pub config: Option<PathBuf>,
    /// Descriptors 0, 1 and 2 of the command; None: this process's own. A terminal
    /// (`process.terminal`) takes the place of all three.
    pub stdio: [Option<OwnedFd>; 3],
    pub gate: Gate,
    /// The container gets SIGKILL when this process ends (the supervisor's rule). State records
    /// this process as `supervisor`.
    pub die_with_parent: bool,
    /// Descriptors 3 to 2 + n are the command's as well.
    pub preserve_fds: u32,
    /// The command has its own session keyring.
    pub new_keyring: bool,
    /// On top of process.env, and nowhere on a disk: secrets.
    pub env: BTreeMap<String, String>,
    /// The state directory is there already and stays after an error: a supervisor starts it again.
    pub keep_state: bool,
    /// A network namespace to join in place of the new one that config.json asks for.
    pub network: Option<PathBuf>,
    pub cgroups: cgroup::Manager,
}

impl Request<'_> {
    /// Reads and checks the configuration.
    pub fn load(&self) -> Result<Config> {
        spec::load_from(&self.bundle, self.config.as_deref())
    }
}

/// How the start is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// By `Created::start`, from this process.
    Direct,
    /// By `launch::start`, from any process, while the container exists.
    Socket,
}

/// A container that is built and waits.
#[derive(Debug)]
pub struct Created {
    /// `started` is false. Saved already only with Gate::Socket, where others have to find it.
    pub state: State,
    pub pidfd: OwnedFd,
    /// The terminal's master, when `process.terminal`.
    pub console: Option<OwnedFd>,
    pub config: Config,
    channel: Channel,
    root: PathBuf,
}

impl Created {
    /// Lets the command run (Gate::Direct) and runs the poststart hooks. An error is the
    /// command's (not found: exit 127; not executable: 126); the container has ended then and
    /// is the caller's to delete.
    pub fn start(&mut self) -> Result<()> {
        // Written before the command runs, which may look for it; after an error it is removed
        // with everything else.
        self.state.started = true;
        self.state.started_at = Some(time::now());
        self.state.save(&self.root)?;
        self.channel.send(&Message::Go, None)?;
        started(&self.channel, &self.config, &self.state)?;
        hooks::run(
            &self.config.hooks.poststart,
            &self.state,
            Status::Running,
            hooks::Failure::Fails,
        )
    }
}

/// Builds the container up to its command. After an error nothing of it is left: no process,
/// state, cgroup.
pub fn create(request: &Request) -> Result<Created> {
    create_from(request, request.load()?)
}

/// The same with the bundle's configuration, where it has been read already.
pub fn create_from(request: &Request, mut config: Config) -> Result<Created> {
    if let Some(process) = &mut config.process {
        crate::spec::process::set_env(&mut process.env, &request.env);
    }
    if let Some(path) = &request.network {
        config.linux.join(NamespaceKind::Network, path);
    }
    let directory = match request.keep_state {
        true => state::directory(request.root, request.id)?,
        false => state::make_directory(request.root, request.id)?,
    };
    let mut made = Made {
        cgroups: None,
        child: None,
    };
    build(request, config, &directory, &mut made)
        .inspect_err(|_| {
            made.undo();
            if !request.keep_state {
                let _ = state::remove_directory(request.root, request.id);
            }
        })
        // On a kernel that is too old that is the reason, whatever it was that failed.
        .map_err(|error| super::kernel::check().err().unwrap_or(error))
}

/// Lets the command of a created container (Gate::Socket) run. Errors as `Created::start`.
pub fn start(root: &Path, id: &str) -> Result<()> {
    State::load(root, id)?;
    let lock = state::lock(root, id)?;
    let mut state = State::load(root, id)?;
    let status = state.status();
    if status != Status::Created {
        return Err(Error::new(
            "start container",
            id,
            format!("it is {}, not created", status.name()),
        ));
    }
    let config = state.load_config()?;
    let started_at = time::now();
    let channel = connect(&state::directory(root, id)?)?;
    started(&channel, &config, &state)?;
    state.started = true;
    state.started_at = Some(started_at);
    state.save(root)?;
    drop(lock);
    if let Some(supervisor) = state.supervisor.and_then(Process::open) {
        // It may have just ended.
        let _ = crate::sys::signal::send(supervisor.as_fd(), libc::SIGUSR1);
    }
    hooks::run(
        &config.hooks.poststart,
        &state,
        Status::Running,
        hooks::Failure::Fails,
    )
    // The specification wants the container stopped then; what is left of it is for `delete`.
    .inspect_err(|_| {
        let _ = crate::teardown::kill(&state);
    })
}

/// What must go again when the building fails.
struct Made {
    cgroups: Option<Cgroups>,
    child: Option<Child>,
}

impl Made {
    fn undo(&mut self) {
        close_later();
        if let Some(child) = &self.child {
            let _ = rustix::process::pidfd_send_signal(&child.pidfd, Signal::KILL);
            let _ = rustix::process::waitid(
                rustix::process::WaitId::PidFd(child.pidfd.as_fd()),
                WaitIdOptions::EXITED,
            );
        }
        if let Some(Err(error)) = self.cgroups.as_ref().map(Cgroups::remove) {
            log::warn(&error.to_string());
        }
    }
}

fn build(request: &Request, config: Config, directory: &Path, made: &mut Made) -> Result<Created> {
    let userns = userns::Mapping::of(&config)?;
    let place = Place::prepare(request, &config)?;
    let into = match &place {
        Place::Made(cgroups) => cgroups.v2_fd()?,
        Place::Unit(_) => None,
    };
    let facts = plan::Facts {
        bundle: request.bundle.clone(),
        groups: userns::allows_groups(&config, userns.as_ref()),
        new_keyring: request.new_keyring,
        admission: match &userns {
            Some(_) => plan::Admission::Ids,
            None => place.admission(into.is_some()),
        },
    };
    let unit = place.keep(&mut made.cgroups);
    let mut operations = plan::make(&config, &facts)?;
    for operation in &operations {
        log::debug(|| format!("plan: {operation:?}"));
    }
    let listener = match request.gate {
        Gate::Direct => None,
        Gate::Socket => Some(listen(directory)?),
    };
    let (ours, theirs) = Channel::pair()?;
    let mapped = super::idmap::prepare(&config, &request.bundle)?;
    let joined = userns::join_before_clone(&config)?;
    let mut entered = Vec::new();
    let born = birth(&config, into.as_ref().map(AsFd::as_fd), &mut entered)?;
    let Some(child) = born else {
        drop(ours);
        operations.retain(|operation| !operation.joins(&entered));
        init::run(init::Job {
            request,
            config,
            operations,
            channel: theirs,
            listener,
            cgroups: (made.cgroups.as_ref())
                .map(|cgroups| cgroups.directories().clone())
                .unwrap_or_default(),
            mapped,
        })
    };
    drop((joined, mapped));
    let in_v2 = into.is_some();
    // Closed before anything is received: the end of init must be seen.
    into.into_iter().chain([theirs.into()]).for_each(later);
    let pid = child.pid;
    made.child = Some(child);
    if let Some(unit) = unit {
        let init = Process::of(pid).ok_or_else(ended)?;
        let (resources, asked) = (
            config.linux.resources.as_ref(),
            place::wanted(request, &config),
        );
        let unit = Cgroups::create_unit(unit, init, &asked, resources);
        made.cgroups = Some(unit.map_err(|error| first_word(&ours, error))?);
    }
    let cgroups = made.cgroups.as_ref();
    let mut state = initial_state(request, &config, cgroups, pid)?;
    let admitted = admit(userns.as_ref(), cgroups, in_v2, pid)
        .and_then(|()| netns::device::move_all(&config, pid));
    if let Err(error) = admitted {
        return Err(first_word(&ours, error));
    }
    if facts.admission != plan::Admission::None {
        // An init that has failed already has said why.
        (ours.send(&Message::Go, None)).map_err(|error| first_word(&ours, error))?;
    }
    close_later();
    let console = follow(&ours, &config, &state)?;
    state.pid = pid;
    if request.gate == Gate::Socket {
        state.save(request.root)?;
    }
    let child = made.child.take().ok_or_else(ended)?;
    Ok(Created {
        state,
        pidfd: child.pidfd,
        console,
        config,
        channel: ours,
        root: request.root.to_path_buf(),
    })
}

/// Makes the process that becomes init; None: this is it. A user namespace that exists must be
/// joined before the others are made, which belong to it then: a process between does that, and its
/// child counts as ours. It knows by `entered` which others it is in already.
fn birth(
    config: &Config,
    into: Option<BorrowedFd<'_>>,
    entered: &mut Vec<NamespaceKind>,
) -> Result<Option<Child>> {
    let flags = clone_flags(config);
    let explain = |errno| super::kernel::explain_clone(errno, config);
    let Some(namespace) = userns::to_join(config)? else {
        return clone3(flags, into).map_err(explain);
    };
    let (ours, theirs) = Channel::pair()?;
    let Some(between) = clone3(0, None).at("fork", "")? else {
        drop(ours);
        let made = super::namespaces::join_as_caller(config).and_then(|kinds| {
            setns(&namespace, libc::CLONE_NEWUSER)
                .at("join namespace", "linux.namespaces: user")?;
            *entered = kinds;
            clone3(flags | libc::CLONE_PARENT as u64, into).map_err(explain)
        });
        let said = match made {
            Ok(None) => return Ok(None),
            Ok(Some(child)) => theirs.send(&Message::Made(child.pid), Some(child.pidfd.as_fd())),
            Err(error) => theirs.send(&Message::Failed(error), None),
        };
        crate::sys::process::exit(i32::from(said.is_err()))
    };
    drop(theirs);
    let said = ours.receive()?;
    let _ = rustix::process::waitid(
        rustix::process::WaitId::PidFd(between.pidfd.as_fd()),
        WaitIdOptions::EXITED,
    );
    match said {
        Some((Message::Made(pid), Some(pidfd))) => Ok(Some(Child { pid, pidfd })),
        Some((Message::Failed(error), _)) => Err(error),
        _ => Err(ended()),
    }
}

/// Gives the new process its ids and its place in the v1 cgroups.
fn admit(
    userns: Option<&userns::Mapping>,
    cgroups: Option<&Cgroups>,
    in_v2: bool,
    pid: i32,
) -> Result<()> {
    if let Some(mapping) = userns {
        mapping.write(pid)?;
    }
    let (Some(cgroups), Some(pid)) = (cgroups, Pid::from_raw(pid)) else {
        return Ok(());
    };
    match (cgroups.unit(), in_v2) {
        // systemd has moved it.
        (Some(_), _) => Ok(()),
        (None, true) => cgroups.add_v1(pid),
        (None, false) => cgroups.add(pid),
    }
}

/// What init said before it ended, when `error` comes from its end.
fn first_word(channel: &Channel, error: Error) -> Error {
    close_later();
    if !matches!(
        error.errno,
        Some(libc::ESRCH | libc::ENOENT | libc::EPIPE | libc::ECONNRESET)
    ) {
        return error;
    }
    match channel.receive() {
        Ok(Some((Message::Failed(said), _))) => said,
        _ => error,
    }
}

/// Serves init until it is ready.
fn follow(channel: &Channel, config: &Config, state: &State) -> Result<Option<OwnedFd>> {
    loop {
        match channel.receive()? {
            Some((Message::Ready, console)) => return Ok(console),
            Some((Message::Hooks, _)) => {
                hooks::run(
                    &config.hooks.prestart,
                    state,
                    Status::Creating,
                    hooks::Failure::Fails,
                )?;
                hooks::run(
                    &config.hooks.create_runtime,
                    state,
                    Status::Creating,
                    hooks::Failure::Fails,
                )?;
                channel.send(&Message::Go, None)?;
            }
            Some((Message::Failed(error), _)) => return Err(error),
            _ => return Err(ended()),
        }
    }
}

/// Waits until the command runs: its init's end of the channel closes on exec.
fn started(channel: &Channel, config: &Config, state: &State) -> Result<()> {
    loop {
        match channel.receive()? {
            None => return Ok(()),
            Some((Message::Listener, fd)) => {
                let seccomp = config.linux.seccomp.as_ref();
                listener::hand_over(seccomp, (state, Status::Running), (state.pid, fd))?;
            }
            Some((Message::Failed(error), _)) => return Err(error),
            Some(_) => return Err(ended()),
        }
    }
}

fn ended() -> Error {
    Error::new("build container", "", "its init ended without a word")
        .hint("it may have been killed: look for an out-of-memory message in the kernel's log")
}

fn initial_state(
    request: &Request,
    config: &Config,
    cgroups: Option<&Cgroups>,
    pid: i32,
) -> Result<State> {
    let process = Process::of(pid).ok_or_else(ended)?;
    let config_file = match (request.gate, request.die_with_parent) {
        (Gate::Socket, false) => Some(keep_config(request)?),
        _ => request.config.clone(),
    };
    Ok(State {
        oci_version: state::OCI_VERSION.to_owned(),
        id: request.id.to_owned(),
        pid,
        start_time: process.start_time,
        bundle: request.bundle.clone(),
        config: config_file,
        created: time::now(),
        owner: rustix::process::getuid().as_raw(),
        annotations: config.annotations.clone(),
        cgroup: cgroups
            .map(|cgroups| cgroups.directories().clone())
            .unwrap_or_default(),
        unit: cgroups.and_then(Cgroups::unit).cloned(),
        supervisor: if request.die_with_parent {
            Process::of(std::process::id().cast_signed())
        } else {
            None
        },
        started: false,
        started_at: None,
    })
}

/// The configuration as it is now: later changes of the bundle's are not this container's. Not for a
/// supervised one, whose bundle nobody else writes.
fn keep_config(request: &Request) -> Result<PathBuf> {
    let own = request.bundle.join("config.json");
    let from = request.config.as_deref().unwrap_or(&own);
    let to = state::directory(request.root, request.id)?.join("config.json");
    std::fs::copy(from, &to).at("keep configuration", from.display().to_string())?;
    Ok(to)
}

/// Namespaces that the clone makes. The cgroup namespace comes later, inside the new cgroup; the
/// time namespace too, because offsets must be written before anyone is in it.
fn clone_flags(config: &Config) -> u64 {
    let kinds = [
        (NamespaceKind::User, libc::CLONE_NEWUSER),
        (NamespaceKind::Pid, libc::CLONE_NEWPID),
        (NamespaceKind::Network, libc::CLONE_NEWNET),
        (NamespaceKind::Mount, libc::CLONE_NEWNS),
        (NamespaceKind::Ipc, libc::CLONE_NEWIPC),
        (NamespaceKind::Uts, libc::CLONE_NEWUTS),
    ];
    kinds
        .iter()
        .filter(|(kind, _)| config.linux.is_new(*kind))
        .map(|(_, flag)| *flag as u64)
        .sum()
}

/// A listening socket in the state directory. Addressed through the directory's descriptor, since
/// a socket's path may have 107 bytes only.
fn listen(directory: &Path) -> Result<OwnedFd> {
    let subject = directory.join(GATE).display().to_string();
    let socket = gate_socket()?;
    let (_held, address) = gate_address(directory)?;
    rustix::net::bind(&socket, &address).at("bind start socket", subject.clone())?;
    rustix::net::listen(&socket, 1).at("listen on start socket", subject)?;
    Ok(socket)
}

fn connect(directory: &Path) -> Result<Channel> {
    let socket = gate_socket()?;
    let (_held, address) = gate_address(directory)?;
    rustix::net::connect(&socket, &address)
        .at("start container", directory.display().to_string())
        .map_err(|error| error.hint("it is started already, or its init is gone"))?;
    Ok(Channel::new(socket))
}

fn gate_socket() -> Result<OwnedFd> {
    rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .at("make socket", GATE)
}

fn gate_address(directory: &Path) -> Result<(OwnedFd, SocketAddrUnix)> {
    use std::os::fd::AsRawFd;
    let flags =
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let subject = directory.display().to_string();
    let held = rustix::fs::open(directory, flags, rustix::fs::Mode::empty())
        .at("open state directory", subject.clone())?;
    let path = format!("/proc/self/fd/{}/{GATE}", held.as_raw_fd());
    let address = SocketAddrUnix::new(path).at("address start socket", subject)?;
    Ok((held, address))
}
