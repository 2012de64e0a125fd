//! A container's output, written as lines with a time and a stream, in files of limited size.
//! Whatever happens to the disk, the container goes on: what cannot be written is counted and
//! said once there is room again.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::error::{Context, Result};
use crate::spec::supervise::Logs;

/// The longest piece of a line in one log line.
pub const MAX_LINE: usize = 16 << 10;

/// Formatted lines are gathered up to this many bytes before they are written.
const BATCH: usize = 32 << 10;

/// The log of one container: both streams go through it.
pub struct Log {
    limits: Logs,
    file: Option<File>,
    /// Bytes in the newest file.
    size: u64,
    batch: Vec<u8>,
    dropped: u64,
}

impl Log {
    /// Opens the log for appending; its directory must exist.
    pub fn open(limits: Logs) -> Result<Self> {
        let (file, size) = open(&limits.path).at("open log", limits.path.display().to_string())?;
        Ok(Self {
            limits,
            file: Some(file),
            size,
            batch: Vec::with_capacity(BATCH),
            dropped: 0,
        })
    }

    /// Takes new limits and opens the file again, in case it was moved away.
    pub fn reopen(&mut self, limits: Logs) {
        self.flush();
        self.limits = limits;
        self.file = None;
    }

    /// Adds one line (or a piece of one: `full` false) to the log; `flush` writes it.
    pub fn add(&mut self, line: &Line<'_>) {
        let flag: &[u8] = if line.full { b"F" } else { b"P" };
        let parts = [
            line.time.as_bytes(),
            b" ",
            line.stream.as_bytes(),
            b" ",
            flag,
            b" ",
            line.text,
            b"\n",
        ];
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let pending = self.batch.len() as u64;
        if self.size + pending > 0 && self.size + pending + length as u64 > self.limits.max_size {
            self.flush();
            self.rotate();
        } else if self.batch.len() + length > BATCH {
            self.flush();
        }
        for part in parts {
            self.batch.extend_from_slice(part);
        }
    }

    /// Writes what has been added, or drops it.
    pub fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        if self.dropped > 0 {
            batch.splice(0..0, self.notice());
        }
        match self.write(&batch) {
            Ok(()) => self.dropped = 0,
            Err(_) => self.dropped += batch.len() as u64,
        }
        batch.clear();
        batch.shrink_to(BATCH);
        self.batch = batch;
    }

    /// Writes all of `batch` or nothing: half a line would spoil the one after it.
    fn write(&mut self, batch: &[u8]) -> std::io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let (file, size) = open(&self.limits.path)?;
                self.size = size;
                file
            }
        };
        let written = file.write_all(batch);
        if written.is_err() {
            // Nothing more can be done about a disk that refuses this too.
            let _ = file.set_len(self.size);
        } else {
            self.size += batch.len() as u64;
        }
        self.file = Some(file);
        written
    }

    /// output.log becomes output.log.1 and so on; the oldest goes.
    fn rotate(&mut self) {
        let path = |n: u32| match n {
            0 => self.limits.path.clone(),
            n => PathBuf::from(format!("{}.{n}", self.limits.path.display())),
        };
        let last = self.limits.max_files - 1;
        if last == 0
            && let Some(file) = &self.file
        {
            let _ = file.set_len(0);
        }
        for n in (0..last).rev() {
            // A number that is missing is no loss; a directory that cannot be written shows when
            // the new file is opened.
            let _ = fs::rename(path(n), path(n + 1));
        }
        self.file = None;
        self.size = 0;
    }

    fn notice(&self) -> Vec<u8> {
        let time = crate::time::now();
        format!(
            "{time} stderr F pavlosc: {} bytes of output were lost: the log could not be written\n",
            self.dropped
        )
        .into_bytes()
    }
}

/// One line of the log.
pub struct Line<'a> {
    /// RFC 3339.
    pub time: &'a str,
    /// stdout or stderr.
    pub stream: &'static str,
    /// Without the newline.
    pub text: &'a [u8],
    /// The line ends here.
    pub full: bool,
}

/// Cuts one stream of bytes, as it comes, into lines.
pub struct Lines {
    stream: &'static str,
    /// The beginning of a line whose end has not come; at most MAX_LINE bytes.
    rest: Vec<u8>,
}

impl Lines {
    pub fn new(stream: &'static str) -> Self {
        Self {
            stream,
            rest: Vec::new(),
        }
    }

    /// Adds the lines that `data`, read at `time`, completes.
    pub fn feed(&mut self, mut data: &[u8], time: &str, log: &mut Log) {
        let stream = self.stream;
        while !data.is_empty() {
            let room = MAX_LINE - self.rest.len();
            let end = data.iter().take(room + 1).position(|b| *b == b'\n');
            let text = &data[..end.unwrap_or(data.len().min(room))];
            if end.is_none() && text.len() == data.len() {
                self.rest.extend_from_slice(text);
                return;
            }
            if self.rest.is_empty() {
                log.add(&Line {
                    time,
                    stream,
                    text,
                    full: end.is_some(),
                });
            } else {
                self.rest.extend_from_slice(text);
                log.add(&Line {
                    time,
                    stream,
                    text: &self.rest,
                    full: end.is_some(),
                });
                self.rest.clear();
            }
            data = &data[text.len() + usize::from(end.is_some())..];
        }
    }

    /// Adds what is left when the stream has ended.
    pub fn finish(&mut self, time: &str, log: &mut Log) {
        if !self.rest.is_empty() {
            log.add(&Line {
                time,
                stream: self.stream,
                text: &self.rest,
                full: false,
            });
            self.rest = Vec::new();
        }
    }
}

fn open(path: &PathBuf) -> std::io::Result<(File, u64)> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY)
        .open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests;
