//! A bounded channel of byte buffers between two threads. Buffers go round: what the reader has
//! used comes back to the writer, so that a whole archive moves through a few of them.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::error::Error;

/// Size of a buffer in bytes: large enough that a hand-over costs nothing beside the work on it.
pub const CHUNK: usize = 256 * 1024;
const DEPTH: usize = 4;

enum Message {
    Data(Vec<u8>),
    Failed(Error),
    /// Told apart from a sender that vanished: a thread that died must not look like an end.
    End,
}

/// Both ends of a new pipe.
pub fn pipe() -> (Sender, Reader) {
    let (full, data) = sync_channel(DEPTH);
    let (back, empty) = sync_channel(DEPTH + 2);
    (
        Sender { full, empty },
        Reader {
            data,
            back,
            chunk: Vec::new(),
            used: 0,
            ended: false,
        },
    )
}

pub struct Sender {
    full: SyncSender<Message>,
    empty: Receiver<Vec<u8>>,
}

/// The reader is gone: nothing that is sent will be looked at.
#[derive(Debug)]
pub struct Gone;

impl Sender {
    /// Fills one buffer after the other from `source` until it ends. A source that fails gives
    /// its error to the reader, by way of `explain`.
    pub fn pump(
        &self,
        source: &mut impl Read,
        explain: impl Fn(io::Error) -> Error,
    ) -> Result<(), Gone> {
        loop {
            let mut chunk = self.empty.try_recv().unwrap_or_default();
            chunk.resize(CHUNK, 0);
            let filled = match fill(source, &mut chunk) {
                Ok(filled) => filled,
                Err(error) => return self.send(Message::Failed(explain(error))),
            };
            if filled == 0 {
                return self.send(Message::End);
            }
            chunk.truncate(filled);
            self.send(Message::Data(chunk))?;
        }
    }

    /// Passes on what `Reader::chunk` gave; gives a used buffer for it, if there is one.
    pub fn pass(&self, chunk: Result<Vec<u8>, Error>) -> Result<Option<Vec<u8>>, Gone> {
        self.send(match chunk {
            Ok(data) => Message::Data(data),
            Err(error) => Message::Failed(error),
        })?;
        Ok(self.empty.try_recv().ok())
    }

    pub fn end(&self) -> Result<(), Gone> {
        self.send(Message::End)
    }

    fn send(&self, message: Message) -> Result<(), Gone> {
        self.full.send(message).map_err(|_| Gone)
    }
}

fn fill(source: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(free) = chunk.get_mut(filled..).filter(|free| !free.is_empty()) {
        match source.read(free) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The reading end. What failed on the other side comes as an `io::Error` that holds our own
/// error; `explain` takes it out again.
pub struct Reader {
    data: Receiver<Message>,
    back: SyncSender<Vec<u8>>,
    chunk: Vec<u8>,
    used: usize,
    ended: bool,
}

impl Reader {
    /// The next buffer as a whole, or what failed on the other side; none at the end.
    pub fn chunk(&mut self) -> Option<Result<Vec<u8>, Error>> {
        if self.ended {
            return None;
        }
        if self.used < self.chunk.len() {
            let chunk = self.chunk.split_off(self.used);
            self.used = self.chunk.len();
            return Some(Ok(chunk));
        }
        match self.data.recv() {
            Ok(Message::Data(chunk)) => Some(Ok(chunk)),
            Ok(Message::End) => {
                self.ended = true;
                None
            }
            Ok(Message::Failed(error)) => {
                self.ended = true;
                Some(Err(error))
            }
            Err(_) => {
                self.ended = true;
                Some(Err(stopped()))
            }
        }
    }

    /// Returns a used buffer to the writer.
    pub fn give_back(&self, buffer: Option<Vec<u8>>) {
        if let Some(buffer) = buffer {
            let _ = self.back.try_send(buffer);
        }
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.chunk.len() && !self.ended {
            let empty = std::mem::take(&mut self.chunk);
            self.used = 0;
            let _ = self.back.try_send(empty);
            match self.data.recv() {
                Ok(Message::Data(chunk)) => self.chunk = chunk,
                Ok(Message::End) => self.ended = true,
                Ok(Message::Failed(error)) => return Err(io::Error::other(error)),
                Err(_) => return Err(io::Error::other(stopped())),
            }
        }
        Ok(self.chunk.get(self.used..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.chunk.len());
    }
}

impl Read for Reader {
    /// Fills all of `into` unless the data ends: no decoder sees where a buffer ended.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let available = self.fill_buf()?;
            let count = available.len().min(into.len() - filled);
            let (Some(to), Some(from)) =
                (into.get_mut(filled..filled + count), available.get(..count))
            else {
                break;
            };
            to.copy_from_slice(from);
            self.consume(count);
            filled += count;
            if count == 0 {
                break;
            }
        }
        Ok(filled)
    }
}

fn stopped() -> Error {
    Error::new("read archive", "", "the reading thread stopped")
}

/// Our own error out of an `io::Error`, or a new one of `step`.
pub fn explain(step: &'static str, error: io::Error) -> Error {
    let reason = error.to_string();
    let errno = error.raw_os_error();
    match error.into_inner().map(|inner| inner.downcast::<Error>()) {
        Some(Ok(own)) => *own,
        _ => Error {
            errno,
            ..Error::new(step, "", reason)
        },
    }
}
