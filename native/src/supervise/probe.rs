//! One health check at work: a child of the supervisor that goes inside, looks, says what it saw
//! and ends with 0 when all is well. The supervisor itself never waits for it.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::{ThreadNameSpaceType as Kind, move_into_thread_name_spaces};

use crate::error::{Context, Error, Result};
use crate::exec;
use crate::spec::supervise::Check;
use crate::state::State;
use crate::supervise::health::Answer;
use crate::sys::process::{self, Child};
use crate::sys::signal;

/// So much of what a check says is kept, its end.
const KEPT: usize = 4 << 10;

/// What a command may take beyond its time limit, which it ends itself, until it counts as stuck.
const GRACE: Duration = Duration::from_secs(2);

/// What the commands after a restart may take.
const HOOKS: Duration = Duration::from_secs(3600);

pub struct Probe {
    child: Child,
    output: OwnedFd,
    said: Vec<u8>,
    /// When it is killed.
    pub until: Instant,
}

/// Whom to look at.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Directory of the containers' states.
    pub root: &'a Path,
    pub id: &'a str,
}

impl Probe {
    pub fn begin(target: Target<'_>, check: &Check, limit: Duration) -> Result<Self> {
        let grace = match check {
            Check::Command { .. } => GRACE,
            Check::Http { .. } | Check::Tcp { .. } => Duration::ZERO,
        };
        Self::fork(limit + grace, || answer(target, check, limit))
    }

    /// Commands inside, one after another, until one fails.
    pub fn hooks(target: Target<'_>, commands: &[Vec<String>]) -> Result<Self> {
        Self::fork(HOOKS, || {
            for args in commands {
                let code = run(target, args, HOOKS)?;
                if code != 0 {
                    say(&format!("{} ended with code {code}", args.join(" ")));
                    return Ok(code);
                }
            }
            Ok(0)
        })
    }

    fn fork(limit: Duration, work: impl FnOnce() -> Result<u8>) -> Result<Self> {
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC).at("make pipe", "health check")?;
        ioctl_fionbio(&output, true).at("set pipe non-blocking", "health check")?;
        let Some(child) = process::clone3(0, None).at("fork", "health check")? else {
            drop(output);
            process::exit(i32::from(live(theirs, work)))
        };
        Ok(Self {
            child,
            output,
            said: Vec::new(),
            until: Instant::now() + limit,
        })
    }

    pub fn pid(&self) -> i32 {
        self.child.pid
    }

    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Takes what has been said; a reader that is too slow would stop the check.
    pub fn read(&mut self) {
        let mut buffer = [0; KEPT];
        while let Ok(count @ 1..) = rustix::io::read(&self.output, &mut buffer) {
            self.said.extend_from_slice(&buffer[..count]);
            let surplus = self.said.len().saturating_sub(KEPT);
            self.said.drain(..surplus);
        }
    }

    pub fn kill(&self) {
        let _ = signal::send(self.child.pidfd.as_fd(), libc::SIGKILL);
    }

    /// When it has ended.
    pub fn answer(mut self, exit_code: i32) -> Answer {
        self.read();
        let said = String::from_utf8_lossy(&self.said).trim_end().to_owned();
        let killed = exit_code == 128 + libc::SIGKILL && said.is_empty();
        Answer {
            healthy: exit_code == 0,
            output: if killed {
                "it took too long".to_owned()
            } else {
                said
            },
        }
    }
}

/// The child's life; its exit code.
fn live(output: OwnedFd, work: impl FnOnce() -> Result<u8>) -> u8 {
    signal::unblock_all();
    match prepare(&output).and_then(|()| work()) {
        Ok(code) => code,
        Err(error) => {
            say(&error.to_string());
            1
        }
    }
}

/// Ends with the supervisor; says everything into the pipe.
fn prepare(output: &OwnedFd) -> Result<()> {
    process::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, 0).at("bind to parent", "")?;
    let null = rustix::fs::open(
        "/dev/null",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .at("open", "/dev/null")?;
    rustix::stdio::dup2_stdin(&null).at("set standard input", "")?;
    rustix::stdio::dup2_stdout(output).at("set standard output", "")?;
    rustix::stdio::dup2_stderr(output).at("set standard error", "")
}

fn answer(target: Target<'_>, check: &Check, limit: Duration) -> Result<u8> {
    match check {
        Check::Command { args } => run(target, args, limit),
        Check::Tcp { host, port } => {
            enter_network(target)?;
            connect(host, *port, limit).map(|_| 0)
        }
        Check::Http { host, port, path } => {
            enter_network(target)?;
            let stream = connect(host, *port, limit)?;
            ask(stream, host, *port, path)
        }
    }
}

/// A command of the container's own.
pub fn run(target: Target<'_>, args: &[String], limit: Duration) -> Result<u8> {
    let request = exec::Request {
        id: target.id.to_owned(),
        args: args.to_vec(),
        ..exec::Request::default()
    };
    match exec::run_within(target.root, &request, limit)? {
        Some(code) => Ok(code),
        None => {
            say(&format!("it took longer than {} ms", limit.as_millis()));
            Ok(1)
        }
    }
}

/// Where the container's addresses are; with the network that it shares with the machine, here.
fn enter_network(target: Target<'_>) -> Result<()> {
    let state = State::load(target.root, target.id)?;
    let own = |name: &str| {
        let inode = |process: &str| {
            use std::os::unix::fs::MetadataExt;
            std::fs::metadata(format!("/proc/{process}/ns/{name}")).map(|file| file.ino())
        };
        inode(&state.pid.to_string()).ok() != inode("self").ok()
    };
    if !own("net") {
        return Ok(());
    }
    let kinds = if own("user") {
        Kind::USER | Kind::NETWORK
    } else {
        Kind::NETWORK
    };
    let gone = || Error::new("enter network", target.id, "the container has just stopped");
    let init = state.init().open().ok_or_else(gone)?;
    move_into_thread_name_spaces(init.as_fd(), kinds).at("enter network", target.id)
}

/// Names are not looked up: the resolver of the host would answer for the container.
fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream> {
    let addresses: Vec<IpAddr> =
        match host {
            "localhost" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            other => vec![other.parse().map_err(|_| {
                Error::new("connect", other, "is neither an address nor localhost")
            })?],
        };
    let subject = format!("{host}:{port}");
    let mut last = Errno::HOSTUNREACH.into();
    for address in addresses {
        match TcpStream::connect_timeout(&SocketAddr::new(address, port), limit) {
            Ok(stream) => {
                let limits = stream
                    .set_read_timeout(Some(limit))
                    .and_then(|()| stream.set_write_timeout(Some(limit)));
                return limits.at("connect", subject).map(|()| stream);
            }
            // The first address is the one that people mean.
            Err(error) if address.is_ipv4() || host != "localhost" => last = error,
            Err(_) => {}
        }
    }
    Err(last).at("connect", subject)
}

/// One request; the status line is all that counts.
fn ask(mut stream: TcpStream, host: &str, port: u16, path: &str) -> Result<u8> {
    let subject = format!("http://{host}:{port}{path}");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: pavlos\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .at("ask", subject.clone())?;
    let mut said = Vec::new();
    let mut buffer = [0; 1024];
    while !said.contains(&b'\n') && said.len() < KEPT {
        match stream.read(&mut buffer).at("hear", subject.clone())? {
            0 => break,
            count => said.extend_from_slice(&buffer[..count]),
        }
    }
    let text = String::from_utf8_lossy(&said);
    let line = text.lines().next().unwrap_or_default();
    say(&format!("{subject}: {}", line.trim_end()));
    let code = line
        .strip_prefix("HTTP/")
        .and_then(|rest| rest.split(' ').nth(1)?.parse::<u16>().ok());
    match code {
        Some(200..=399) => Ok(0),
        _ => Ok(1),
    }
}

fn say(text: &str) {
    // Nobody hears it when the supervisor is gone.
    let _ = rustix::io::write(rustix::stdio::stdout(), format!("{text}\n").as_bytes());
}
