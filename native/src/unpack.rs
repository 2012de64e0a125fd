//! `unpack`: an archive, streamed, into a tree. Three threads: one reads and hashes, one inflates,
//! this one writes. Nothing in the archive is trusted, and no more is kept in memory than a few
//! buffers and open directories.

mod dirs;
mod entry;
mod file;
#[cfg(test)]
mod fuzz;
mod header;
mod inflate;
mod name;
mod owner;
mod pax;
mod pipe;
mod source;
mod sparse;
mod stream;
mod tree;
mod xattr;

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, syncfs};
use serde::Serialize;

use crate::error::{Context, Error, Result};
pub use crate::unpack::dirs::magic_path;
use crate::unpack::entry::Entries;
pub use crate::unpack::name::show;
pub use crate::unpack::owner::{Owner, Squash};
use crate::unpack::stream::Stream;
use crate::unpack::tree::{Skipped, Tree};

#[derive(Debug)]
pub struct Options {
    pub owner: Owner,
    /// Most bytes that the decompressed archive may have; none: any.
    pub max_bytes: Option<u64>,
    /// Progress lines on standard error.
    pub progress: bool,
    /// Whether to return only when everything is on the disk.
    pub sync: bool,
}

/// What was unpacked.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Of the archive as it is stored, in hexadecimal.
    pub sha256: String,
    /// Size of the archive as it is stored.
    pub bytes: u64,
    pub entries: u64,
    pub skipped: Vec<Skipped>,
}

/// Unpacks `archive` into the empty directory `root`. After an error the tree is incomplete and
/// for the caller to remove.
pub fn unpack(archive: File, root: OwnedFd, options: Options) -> Result<Summary> {
    must_be_empty(&root)?;
    rustix::process::umask(Mode::empty());
    let disk = root.try_clone().at("duplicate descriptor", "root")?;
    let (reader, digest) = source::read(archive, options.progress)?;
    let mut entries = Entries::new(Stream::new(inflate::inflate(reader)?, options.max_bytes));
    let mut tree = Tree::new(root, options.owner)?;
    let mut count = 0;
    while let Some(entry) = entries.next()? {
        tree.place(&entry, &mut entries)?;
        count += 1;
    }
    let skipped = tree.finish()?;
    if options.sync {
        syncfs(&disk).at("sync file system", "root")?;
    }
    let digest = digest
        .join()
        .map_err(|_| Error::new("read archive", "", "the reading thread stopped"))?;
    Ok(Summary {
        sha256: digest.sha256,
        bytes: digest.bytes,
        entries: count,
        skipped,
    })
}

fn must_be_empty(root: &OwnedFd) -> Result<()> {
    for entry in Dir::read_from(root).at("read directory", "root")? {
        let entry = entry.at("read directory", "root")?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            return Err(Error::new("unpack", "root", "the directory is not empty")
                .hint("give a new or empty directory"));
        }
    }
    Ok(())
}
