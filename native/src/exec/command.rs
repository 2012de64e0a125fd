//! The command as its caller sees it: it arrives, begins, is relayed, ends.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions};

use crate::error::{Context, Error, Result};
use crate::launch::channel::{Channel, Message};
use crate::sys::process::Child;
use crate::sys::signal::{self, Signals};
use crate::terminal::foreground::{self, Foreground};
use crate::terminal::pty;

/// The process inside, a child of this one.
pub struct Command {
    /// Its pid outside.
    pid: i32,
    pidfd: OwnedFd,
    /// The relayed end of its terminal.
    master: Option<OwnedFd>,
}

impl Command {
    /// Its terminal, before it writes anything.
    pub fn prepare(&self) -> Result<()> {
        self.master.as_ref().map_or(Ok(()), foreground::prepare)
    }

    /// Hands its pidfd to whoever listens at a socket.
    pub fn announce(&self, socket: &Path) -> Result<()> {
        pty::send_pidfd(socket, self.pidfd.as_fd()).inspect_err(|_| {
            signal::kill(self.pid, libc::SIGKILL);
            let _ = reap(self.pidfd.as_fd());
        })
    }

    /// Waits until the joining process has made it and it is ready to become the command. Both
    /// write to the same socket: either may be heard first.
    pub fn arrive(channel: &Channel, joining: &Child) -> Result<Self> {
        let first = channel.receive()?;
        let second = match &first {
            Some((Message::Made(_) | Message::Ready, _)) => channel.receive()?,
            _ => None,
        };
        let _ = reap(joining.pidfd.as_fd());
        let (made, said) = match (first, second) {
            (Some((Message::Made(pid), Some(pidfd))), said)
            | (said, Some((Message::Made(pid), Some(pidfd)))) => ((pid, pidfd), said),
            (Some((Message::Failed(error), _)), _) | (_, Some((Message::Failed(error), _))) => {
                return Err(error);
            }
            _ => {
                return Err(Error::new(
                    "join container",
                    "",
                    "the joining process ended without a word",
                ));
            }
        };
        let (pid, pidfd) = made;
        match said {
            Some((Message::Ready, master)) => Ok(Self { pid, pidfd, master }),
            other => Err(Self {
                pid,
                pidfd,
                master: None,
            }
            .failed(other)),
        }
    }

    /// Lets it become the command and waits until it has.
    /// `listener` takes the listener of a seccomp filter, with the pid of the process.
    pub fn begin(
        &mut self,
        channel: &Channel,
        pid_file: Option<&Path>,
        listener: impl Fn(i32, Option<OwnedFd>) -> Result<()>,
    ) -> Result<()> {
        if let Some(path) = pid_file {
            std::fs::write(path, self.pid.to_string())
                .at("write pid file", path.display().to_string())?;
        }
        channel.send(&Message::Go, None)?;
        loop {
            match channel.receive()? {
                // The other end closes when the program is executed.
                None => return Ok(()),
                Some((Message::Listener, fd)) => listener(self.pid, fd)?,
                other => return Err(self.failed(other)),
            }
        }
    }

    /// Carries its input, output and signals until it ends; its exit code.
    pub fn relay(self, pipes: Option<Foreground>, signals: &Signals) -> Result<u8> {
        let foreground = match (self.master, pipes) {
            (Some(master), _) => foreground::terminal(master)?,
            (None, Some(pipes)) => pipes,
            (None, None) => return reap(self.pidfd.as_fd()),
        };
        foreground.relay(self.pidfd.as_fd(), signals)?;
        reap(self.pidfd.as_fd())
    }

    /// Its exit code. None: it had not ended within `limit`, and was killed with its session.
    pub fn wait_within(self, limit: Duration) -> Result<Option<u8>> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
            let timeout = Timespec {
                tv_sec: left.as_secs().cast_signed(),
                tv_nsec: i64::from(left.subsec_nanos()),
            };
            match poll(&mut fds, Some(&timeout)) {
                Err(Errno::INTR) => {}
                Ok(0) => break,
                other => {
                    other.at("wait for process", "")?;
                    return reap(self.pidfd.as_fd()).map(Some);
                }
            }
        }
        // It began a session: its children are in its process group, unless they left it.
        signal::kill(-self.pid, libc::SIGKILL);
        reap(self.pidfd.as_fd()).map(|_| None)
    }

    fn failed(&self, message: Option<(Message, Option<OwnedFd>)>) -> Error {
        let code = reap(self.pidfd.as_fd());
        match message {
            Some((Message::Failed(error), _)) => error,
            _ => {
                let reason = format!("it ended early, with exit code {}", code.unwrap_or(255));
                Error::new("set up process", "", reason)
                    .hint("a seccomp profile may forbid what is needed to execute a program")
            }
        }
    }
}

/// Waits for a child's end; its exit code by the shell's rule.
fn reap(pidfd: BorrowedFd<'_>) -> Result<u8> {
    let status = loop {
        match rustix::process::waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            other => break other.at("wait for process", "")?,
        }
    };
    let code =
        status.and_then(
            |status| match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Some(code),
                (None, signal) => signal.map(|signal| 128 + signal),
            },
        );
    Ok(code
        .and_then(|code| u8::try_from(code & 0xff).ok())
        .unwrap_or(255))
}
