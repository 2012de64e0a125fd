//! A process in the foreground: its input and output carried, signals passed on, until it ends.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Winsize, isatty,
    tcgetattr, tcgetwinsize, tcsetattr,
};

use crate::error::{Context, Result};
use crate::sys::signal::{self, Signals};
use crate::terminal::flow::{Flow, Step};
use crate::terminal::{pty, raw::Raw};

/// Milliseconds to wait for the rest of a pty's output after its process has ended: the kernel
/// hands it over from a worker.
const PTY_PATIENCE: i64 = 50;

/// What the process inside gets as descriptors 0, 1 and 2; nothing: the caller's own.
pub type Stdio = [Option<OwnedFd>; 3];

/// This side of a foreground process.
pub struct Foreground {
    /// From the caller to the process; ends early without harm.
    input: Option<Flow>,
    /// From the process to the caller.
    output: Vec<Flow>,
    master: Option<OwnedFd>,
}

/// Without a terminal: the process takes the caller's descriptors as they are, except those that
/// are terminals, in whose place it gets pipes.
pub fn pipes() -> Result<(Foreground, Stdio)> {
    let mut foreground = Foreground {
        input: None,
        output: Vec::new(),
        master: None,
    };
    let mut theirs: Stdio = [None, None, None];
    if isatty(rustix::stdio::stdin()) {
        let (read, write) = pipe()?;
        foreground.input = Some(Flow::new(own(rustix::stdio::stdin())?, write));
        theirs[0] = Some(read);
    }
    for (index, fd) in [(1, rustix::stdio::stdout()), (2, rustix::stdio::stderr())] {
        if isatty(fd) {
            let (read, write) = pipe()?;
            foreground.output.push(Flow::new(read, own(fd)?));
            theirs[index] = Some(write);
        }
    }
    Ok((foreground, theirs))
}

/// With a terminal: `master` is the relayed end of the process's pty.
pub fn terminal(master: OwnedFd) -> Result<Foreground> {
    // Its own open file description on this side: nobody else sees the mode change.
    ioctl_fionbio(&master, true).at("set terminal non-blocking", "")?;
    let input = Flow::new(own(rustix::stdio::stdin())?, own(master.as_fd())?);
    let output = Flow::new(own(master.as_fd())?, own(rustix::stdio::stdout())?);
    Ok(Foreground {
        input: Some(input),
        output: vec![output],
        master: Some(master),
    })
}

/// Before anything is written to a terminal that `terminal` is going to relay: into something else than
/// a screen lines go as the process wrote them, without carriage returns.
pub fn prepare(master: &OwnedFd) -> Result<()> {
    if isatty(rustix::stdio::stdout()) {
        return Ok(());
    }
    let mut modes = tcgetattr(master).at("read terminal modes", "")?;
    modes.output_modes -= OutputModes::ONLCR;
    tcsetattr(master, OptionalActions::Now, &modes).at("set terminal modes", "")
}

/// The size of the caller's terminal, if the caller has one.
pub fn window() -> Option<Winsize> {
    callers_terminal().and_then(|fd| tcgetwinsize(fd).ok())
}

/// The signals that a foreground process's parent passes on; block them before the process is
/// made, so that none is lost.
pub fn block_signals() -> Result<Signals> {
    const OURS: [i32; 15] = [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGCHLD,
        libc::SIGPIPE,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        libc::SIGABRT,
        libc::SIGTRAP,
        libc::SIGSYS,
        libc::SIGURG,
    ];
    Signals::block((1..=64).filter(|number| !OURS.contains(number)))
}

impl Foreground {
    /// Relays until the process of `child` has ended and its output is written. The caller's
    /// terminal is raw meanwhile when the process has one.
    pub fn relay(mut self, child: BorrowedFd<'_>, signals: &Signals) -> Result<()> {
        let raw = self.enter_raw()?;
        loop {
            let ready = self.poll(child, signals)?;
            if ready.signals {
                while let Some(number) = signals.read() {
                    self.signal(number, child, raw.as_ref());
                }
            }
            if ready.input {
                self.step_input();
            }
            self.step_output(&ready.output);
            if ready.child {
                self.drain();
                return Ok(());
            }
        }
    }

    fn enter_raw(&mut self) -> Result<Option<Raw>> {
        let Some(master) = &self.master else {
            return Ok(None);
        };
        if let Some(size) = window() {
            pty::resize(master.as_fd(), size)?;
        }
        if !isatty(rustix::stdio::stdin()) {
            return Ok(None);
        }
        copy_utf8(rustix::stdio::stdin(), master.as_fd());
        Raw::enter(own(rustix::stdio::stdin())?).map(Some)
    }

    fn poll(&self, child: BorrowedFd<'_>, signals: &Signals) -> Result<Ready> {
        let mut fds = vec![
            PollFd::new(signals, PollFlags::IN),
            PollFd::from_borrowed_fd(child, PollFlags::IN),
        ];
        let input = self.input.as_ref().and_then(Flow::poll_fd);
        let has_input = input.is_some();
        fds.extend(input);
        fds.extend(self.output.iter().filter_map(Flow::poll_fd));
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).at("wait for the process", ""),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let rest = 2 + usize::from(has_input);
        Ok(Ready {
            signals: ready[0],
            child: ready[1],
            input: has_input && ready[2],
            output: ready[rest..].to_vec(),
        })
    }

    fn signal(&mut self, number: i32, child: BorrowedFd<'_>, raw: Option<&Raw>) {
        match (number, &self.master) {
            (libc::SIGWINCH, Some(master)) => {
                if let Some(size) = window() {
                    let _ = pty::resize(master.as_fd(), size);
                }
            }
            (libc::SIGCONT, Some(_)) => {
                // The terminal may be gone; then the next read says so.
                let _ = raw.map(Raw::again);
            }
            // The process may have just ended.
            _ => drop(signal::send(child, number)),
        }
        if number == libc::SIGHUP && self.master.is_some() {
            self.hang_up();
        }
    }

    /// The terminal is gone: closing the pty tells everybody in its session.
    fn hang_up(&mut self) {
        self.input = None;
        self.output.clear();
        self.master = None;
    }

    fn step_input(&mut self) {
        let Some(flow) = &mut self.input else { return };
        let before = flow.last();
        match flow.step() {
            Step::Moved => {}
            Step::Refused => self.input = None,
            Step::Ended => match end_of_file(flow, before) {
                Some(character) if self.master.is_some() => flow.push(&character),
                _ => self.input = None,
            },
        }
    }

    fn step_output(&mut self, ready: &[bool]) {
        let mut ready = ready.iter();
        let mut refused = false;
        self.output.retain_mut(|flow| {
            if flow.poll_fd().is_none() {
                return false;
            }
            if ready.next() != Some(&true) {
                return true;
            }
            let step = flow.step();
            refused |= step == Step::Refused;
            step == Step::Moved
        });
        if refused && self.master.is_some() {
            self.hang_up();
        }
    }

    fn drain(&mut self) {
        let patience = if self.master.is_some() {
            PTY_PATIENCE
        } else {
            0
        };
        for flow in &mut self.output {
            flow.drain(patience);
        }
    }
}

/// Which polled descriptors are ready.
struct Ready {
    signals: bool,
    child: bool,
    input: bool,
    output: Vec<bool>,
}

/// What to type into a pty so that the process inside reads an end of file, when `last` was the
/// last byte before: a line that has begun takes one character to send it and one more to end.
/// Nothing when the process reads keys and not lines.
fn end_of_file(flow: &Flow, last: Option<u8>) -> Option<Vec<u8>> {
    let mode = tcgetattr(flow.to()).ok()?;
    if !mode.local_modes.contains(LocalModes::ICANON) {
        return None;
    }
    let character = mode.special_codes[SpecialCodeIndex::VEOF];
    let times = if matches!(last, None | Some(b'\n')) {
        1
    } else {
        2
    };
    Some(vec![character; times])
}

/// Backspace erases whole characters inside as it does outside.
fn copy_utf8(from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    let (Ok(ours), Ok(mut theirs)) = (tcgetattr(from), tcgetattr(to)) else {
        return;
    };
    theirs.input_modes.set(
        InputModes::IUTF8,
        ours.input_modes.contains(InputModes::IUTF8),
    );
    let _ = tcsetattr(to, rustix::termios::OptionalActions::Now, &theirs);
}

fn callers_terminal() -> Option<BorrowedFd<'static>> {
    [
        rustix::stdio::stdin(),
        rustix::stdio::stdout(),
        rustix::stdio::stderr(),
    ]
    .into_iter()
    .find(|fd| isatty(fd))
}

fn own(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    rustix::io::fcntl_dupfd_cloexec(fd, 3).at("duplicate descriptor", "")
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at("make pipe", "")
}
