//! A thread that hashes what passes through it.

use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

use crate::error::{Context, Error, Result};
use crate::unpack::pipe::{self, Reader};

/// The digest that a thread will have when all was read.
pub struct Pending(JoinHandle<String>);

impl Pending {
    /// Waits for the end of the data. In lower-case hexadecimal.
    pub fn digest(self) -> Result<String> {
        self.0
            .join()
            .map_err(|_| Error::new("read archive", "", "the hashing thread stopped"))
    }
}

/// `data` unchanged, and its SHA-256.
pub fn hash(mut data: Reader) -> Result<(Reader, Pending)> {
    let (sender, reader) = pipe::pipe();
    let work = move || {
        let mut hash = Sha256::new();
        while let Some(chunk) = data.chunk() {
            if let Ok(bytes) = &chunk {
                hash.update(bytes);
            }
            // When the reader is gone it has failed, and nobody asks for the digest.
            match sender.pass(chunk) {
                Ok(empty) => data.give_back(empty),
                Err(pipe::Gone) => break,
            }
        }
        let _ = sender.end();
        hex(&hash.finalize())
    };
    let thread = std::thread::Builder::new()
        .name("hash".into())
        .spawn(work)
        .at("start thread", "hash")?;
    Ok((reader, Pending(thread)))
}

/// Lower-case hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
