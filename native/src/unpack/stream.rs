//! The tar stream: blocks and pieces of data, with the position for error messages.

use std::io::BufRead;

use crate::error::{Error, Result};
use crate::unpack::pipe::{self, Reader};

/// Tar counts in blocks of this many bytes.
pub const BLOCK: usize = 512;
pub type Block = [u8; BLOCK];

pub struct Stream {
    reader: Reader,
    /// Bytes of the decompressed archive that were consumed.
    pub position: u64,
    max_bytes: u64,
}

impl Stream {
    /// `max_bytes`: how long the decompressed archive may be.
    pub fn new(reader: Reader, max_bytes: Option<u64>) -> Self {
        Self {
            reader,
            position: 0,
            max_bytes: max_bytes.unwrap_or(u64::MAX),
        }
    }

    /// The next block; none at the end of the archive.
    pub fn block(&mut self) -> Result<Option<Block>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(free) = block.get_mut(filled..).filter(|free| !free.is_empty()) {
            let piece = self.piece(free.len() as u64)?;
            if piece.is_empty() {
                return match filled {
                    0 => Ok(None),
                    _ => Err(self.truncated()),
                };
            }
            free.iter_mut()
                .zip(piece)
                .for_each(|(to, from)| *to = *from);
            let count = piece.len();
            filled += count;
            self.consume(count)?;
        }
        Ok(Some(block))
    }

    /// What is at hand of the next `wanted` bytes, without consuming it; empty only at the end.
    pub fn piece(&mut self, wanted: u64) -> Result<&[u8]> {
        let buffer = self
            .reader
            .fill_buf()
            .map_err(|error| pipe::explain("read archive", error))?;
        let count = usize::try_from(wanted).map_or(buffer.len(), |wanted| wanted.min(buffer.len()));
        Ok(buffer.get(..count).unwrap_or_default())
    }

    /// Goes on by `count` bytes of the last piece.
    pub fn consume(&mut self, count: usize) -> Result<()> {
        self.reader.consume(count);
        self.position += count as u64;
        if self.position > self.max_bytes {
            return Err(Error::new(
                "unpack",
                "archive",
                format!("it holds more than {} bytes", self.max_bytes),
            )
            .hint("raise --max-bytes if you trust it"));
        }
        Ok(())
    }

    /// Goes on by `count` bytes.
    pub fn skip(&mut self, mut count: u64) -> Result<()> {
        while count > 0 {
            let length = self.piece(count)?.len();
            if length == 0 {
                return Err(self.truncated());
            }
            self.consume(length)?;
            count -= length as u64;
        }
        Ok(())
    }

    /// Reads `count` bytes and the padding to the next block. The caller bounds `count`.
    pub fn text(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        while (text.len() as u64) < count {
            let piece = self.piece(count - text.len() as u64)?;
            if piece.is_empty() {
                return Err(self.truncated());
            }
            text.extend_from_slice(piece);
            let length = piece.len();
            self.consume(length)?;
        }
        self.skip(padding(count))?;
        Ok(text)
    }

    /// The archive ends inside of something.
    pub fn truncated(&self) -> Error {
        Error::new(
            "unpack",
            format!("archive, byte {}", self.position),
            "it ends in the middle of an entry",
        )
        .hint("the archive is incomplete: fetch it again")
    }
}

/// Bytes from the end of `size` bytes of data to the next block.
pub fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}
