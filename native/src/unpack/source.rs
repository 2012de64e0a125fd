//! The thread that reads the archive's own bytes, hashes them and counts them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::error::{Context, Result};
use crate::unpack::hash::hex;
use crate::unpack::pipe::{self, Reader};

/// What was read, once all was read.
#[derive(Debug)]
pub struct Digested {
    /// Lower-case hexadecimal SHA-256 of the bytes as they are stored.
    pub sha256: String,
    pub bytes: u64,
}

/// Starts reading `archive` to its end. With `progress`, `{"read": bytes}` lines go to standard
/// error, at most ten a second.
pub fn read(archive: File, progress: bool) -> Result<(Reader, JoinHandle<Digested>)> {
    let (sender, reader) = pipe::pipe();
    let work = move || {
        let mut source = Hashed {
            archive,
            hash: Sha256::new(),
            bytes: 0,
            progress: progress.then(Instant::now),
        };
        // When the reader is gone it has its own error; this one's result is not asked for then.
        let _ = sender.pump(&mut source, |error| pipe::explain("read archive", error));
        if source.progress.is_some() {
            report(source.bytes);
        }
        Digested {
            sha256: hex(&source.hash.finalize()),
            bytes: source.bytes,
        }
    };
    let thread = std::thread::Builder::new()
        .name("read".into())
        .spawn(work)
        .at("start thread", "read")?;
    Ok((reader, thread))
}

struct Hashed {
    archive: File,
    hash: Sha256,
    bytes: u64,
    /// When the last progress line was written; none: no progress wanted.
    progress: Option<Instant>,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(into)?;
        self.hash.update(into.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        if let Some(last) = &mut self.progress
            && last.elapsed() >= Duration::from_millis(100)
        {
            *last = Instant::now();
            report(self.bytes);
        }
        Ok(count)
    }
}

/// A progress line that cannot be written is no reason to stop.
fn report(bytes: u64) {
    let _ = writeln!(io::stderr(), "{{\"read\": {bytes}}}");
}
