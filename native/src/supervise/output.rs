//! What a container writes, from its pipes or its terminal to its log.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio};

use crate::error::{Context, Result};
use crate::spec::supervise::Logs;
use crate::supervise::log::{Lines, Log};

/// What is read at once, in bytes. One buffer serves all streams.
const READ: usize = 32 << 10;

/// The most that is read of one stream after the container has ended, in bytes: as much as the
/// largest pipe holds. What still writes then is no part of it.
const REST: usize = 1 << 20;

/// All streams of a container and where they go.
pub struct Output {
    streams: Vec<Stream>,
    log: Log,
    buffer: Vec<u8>,
}

struct Stream {
    fd: OwnedFd,
    lines: Lines,
}

impl Output {
    pub fn new(log: Log) -> Self {
        Self {
            streams: Vec::new(),
            log,
            buffer: vec![0; READ],
        }
    }

    /// `streams`: the read ends of a new run, each with its name (stdout or stderr).
    pub fn attach(&mut self, streams: Vec<(OwnedFd, &'static str)>) -> Result<()> {
        for (fd, name) in streams {
            ioctl_fionbio(&fd, true).at("set output non-blocking", "")?;
            self.streams.push(Stream {
                fd,
                lines: Lines::new(name),
            });
        }
        Ok(())
    }

    /// One entry for each open stream, for poll.
    pub fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.streams
            .iter()
            .map(|stream| PollFd::new(&stream.fd, PollFlags::IN))
    }

    /// Reads once from each stream that is ready (in the order of `poll_fds`) and writes the log.
    pub fn read(&mut self, ready: &[bool]) {
        let time = crate::time::now();
        let mut ready = ready.iter();
        let (buffer, log) = (&mut self.buffer, &mut self.log);
        self.streams.retain_mut(|stream| {
            if ready.next() != Some(&true) {
                return true;
            }
            let open = stream.read(buffer, &time, log) != Read::Ended;
            if !open {
                stream.lines.finish(&time, log);
            }
            open
        });
        self.log.flush();
    }

    /// Takes what is still in the streams when the container has ended, and closes them.
    pub fn finish(&mut self) {
        let time = crate::time::now();
        for mut stream in std::mem::take(&mut self.streams) {
            let mut total = 0;
            while total < REST
                && let Read::Some(count) = stream.read(&mut self.buffer, &time, &mut self.log)
            {
                total += count;
            }
            stream.lines.finish(&time, &mut self.log);
        }
        self.log.flush();
    }

    /// New limits, and the file opened again.
    pub fn reopen(&mut self, limits: Logs) {
        self.log.reopen(limits);
    }
}

#[derive(PartialEq, Eq)]
enum Read {
    Some(usize),
    Nothing,
    Ended,
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8], time: &str, log: &mut Log) -> Read {
        match rustix::io::read(&self.fd, &mut *buffer) {
            Ok(0) => Read::Ended,
            Ok(count) => {
                self.lines.feed(&buffer[..count], time, log);
                Read::Some(count)
            }
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            // A terminal whose other end is closed gives EIO. That may be for a moment only:
            // but who opens it again has no output of this container's command.
            Err(_) => Read::Ended,
        }
    }
}
