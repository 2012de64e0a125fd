//! Bytes from one descriptor to another, a buffer at a time, in step with a poll loop.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// What one step moves. A pipe that polls writable takes this much without blocking, whoever
/// shares it.
const STEP: usize = 4096;

/// One direction of a relay.
pub struct Flow {
    from: Option<OwnedFd>,
    to: OwnedFd,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are already written.
    written: usize,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// There may be more.
    Moved,
    /// The source has ended; what was read is written.
    Ended,
    /// Nobody takes the bytes any more.
    Refused,
}

impl Flow {
    pub fn new(from: OwnedFd, to: OwnedFd) -> Self {
        Self {
            from: Some(from),
            to,
            buffer: Vec::with_capacity(STEP),
            written: 0,
        }
    }

    /// What to poll: the target while something is to be written, else the source.
    pub fn poll_fd(&self) -> Option<PollFd<'_>> {
        if self.pending() {
            return Some(PollFd::new(&self.to, PollFlags::OUT));
        }
        self.from
            .as_ref()
            .map(|from| PollFd::new(from, PollFlags::IN))
    }

    /// Does what the polled descriptor is ready for.
    pub fn step(&mut self) -> Step {
        if self.pending() {
            self.write()
        } else {
            self.read()
        }
    }

    /// Adds bytes of our own after the source's; for an end-of-file character.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.written);
        self.written = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The target.
    pub fn to(&self) -> BorrowedFd<'_> {
        self.to.as_fd()
    }

    /// The last byte that was read, while it is known.
    pub fn last(&self) -> Option<u8> {
        self.buffer.last().copied()
    }

    /// Moves what is left in the source, waiting up to `patience` milliseconds for each piece.
    pub fn drain(&mut self, patience: i64) {
        loop {
            let limit = Timespec {
                tv_sec: 0,
                tv_nsec: patience * 1_000_000,
            };
            let limit = if self.pending() { None } else { Some(limit) };
            let Some(fd) = self.poll_fd() else { return };
            match poll(&mut [fd], limit.as_ref()) {
                Ok(0) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) => {}
            }
            if self.step() != Step::Moved {
                return;
            }
        }
    }

    fn pending(&self) -> bool {
        self.written < self.buffer.len()
    }

    fn read(&mut self) -> Step {
        let Some(from) = &self.from else {
            return Step::Ended;
        };
        self.buffer.resize(STEP, 0);
        self.written = 0;
        let read = rustix::io::read(from, &mut self.buffer[..]);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Err(Errno::AGAIN | Errno::INTR) => Step::Moved,
            // A pty whose other end is closed reads as EIO: that is its end.
            Ok(0) | Err(_) => {
                self.from = None;
                Step::Ended
            }
            Ok(_) => Step::Moved,
        }
    }

    fn write(&mut self) -> Step {
        let end = self.buffer.len().min(self.written + STEP);
        match rustix::io::write(&self.to, &self.buffer[self.written..end]) {
            Ok(count) => self.written += count,
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => {
                self.from = None;
                self.written = self.buffer.len();
                return Step::Refused;
            }
        }
        Step::Moved
    }
}
