//! `unpack`: an archive, streamed, into a tree. Threads: one reads and hashes, one inflates, one
//! hashes what came out of a layer, this one writes. Nothing in the archive is trusted, and no more is kept in memory than a few
//! buffers and open directories.

mod dirs;
mod entry;
mod file;
#[cfg(test)]
mod fuzz;
mod hash;
mod header;
mod inflate;
pub mod list;
mod name;
mod owner;
mod pax;
mod pipe;
mod source;
mod sparse;
mod stream;
mod tree;
mod whiteout;
mod xattr;

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, syncfs};
use serde::Serialize;

use crate::error::{Context, Error, Result};
pub use crate::unpack::dirs::{magic_path, timestamps};
use crate::unpack::entry::{Ending, Entries};
use crate::unpack::inflate::Inflated;
pub use crate::unpack::name::{show, split};
pub use crate::unpack::owner::{Owner, Squash};
use crate::unpack::stream::Stream;
use crate::unpack::tree::{Skipped, Tree};
pub use crate::unpack::whiteout::Marker;
use crate::unpack::whiteout::Whiteouts;

#[derive(Debug)]
pub struct Options {
    pub owner: Owner,
    /// Most bytes that the decompressed archive may have; none: any.
    pub max_bytes: Option<u64>,
    /// Progress lines on standard error.
    pub progress: bool,
    /// Whether to return only when everything is on the disk.
    pub sync: bool,
    pub content: Content,
    pub expected: Expected,
    /// Where to write the list of what was unpacked.
    pub list: Option<File>,
}

/// What the archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A tree as a whole.
    Archive,
    /// The layer of an image: it also says what it removes from the layers below.
    Layer(Marker),
}

/// Lower-case hexadecimal SHA-256 that must be found; none: any.
#[derive(Debug, Default)]
pub struct Expected {
    /// Of the bytes as they are stored.
    pub sha256: Option<String>,
    /// Of the decompressed bytes of a layer.
    pub diff_id: Option<String>,
}

/// What was unpacked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Of the archive as it is stored, in hexadecimal.
    pub sha256: String,
    /// Of a layer's decompressed bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<String>,
    /// Size of the archive as it is stored.
    pub bytes: u64,
    pub entries: u64,
    pub skipped: Vec<Skipped>,
    /// A layer that hides all layers below it.
    pub opaque: bool,
    /// Directories that the archive has something in and does not name: their owner, mode and time
    /// are for the layers below to say.
    pub implied: usize,
    /// The archive does not name its root: its owner and mode are another layer's.
    pub bare: bool,
}

/// Unpacks `archive` into the empty directory `root`. After an error the tree is incomplete and
/// for the caller to remove.
pub fn unpack(archive: File, root: OwnedFd, options: Options) -> Result<Summary> {
    must_be_empty(&root)?;
    rustix::process::umask(Mode::empty());
    let disk = root.try_clone().at("duplicate descriptor", "root")?;
    let (reader, digest) = source::read(archive, options.progress)?;
    let marker = match options.content {
        Content::Archive => None,
        Content::Layer(marker) => Some(marker),
    };
    let (data, hashed) = match (inflate::inflate(reader)?, marker) {
        (Inflated::Other(data), Some(_)) => {
            let (data, pending) = hash::hash(data)?;
            (data, Some(pending))
        }
        (Inflated::Other(data) | Inflated::Same(data), _) => (data, None),
    };
    let ending = match options.content {
        Content::Archive => Ending::Marked,
        Content::Layer(_) => Ending::Any,
    };
    let mut entries = Entries::new(Stream::new(data, options.max_bytes), ending);
    let whiteouts = marker.map(|_| Whiteouts::default());
    let mut tree = Tree::new(
        root,
        options.owner,
        (whiteouts, options.list.map(list::List::new)),
    )?;
    let (mut count, mut bare) = (0, true);
    while let Some(entry) = entries.next()? {
        bare &= !entry.name.is_root();
        tree.place(&entry, &mut entries)?;
        count += 1;
    }
    let finished = tree.finish(marker.unwrap_or(Marker::Auto))?;
    drop(entries);
    let digest = digest
        .join()
        .map_err(|_| Error::new("read archive", "", "the reading thread stopped"))?;
    let diff_id = match (marker, hashed) {
        (_, Some(pending)) => Some(pending.digest()?),
        (Some(_), None) => Some(digest.sha256.clone()),
        (None, None) => None,
    };
    options.expected.check(&digest.sha256, diff_id.as_deref())?;
    if options.sync {
        syncfs(&disk).at("sync file system", "root")?;
    }
    Ok(Summary {
        sha256: digest.sha256,
        diff_id,
        bytes: digest.bytes,
        entries: count,
        skipped: finished.skipped,
        opaque: finished.opaque,
        implied: finished.implied,
        bare,
    })
}

impl Expected {
    fn check(&self, sha256: &str, diff_id: Option<&str>) -> Result<()> {
        let same = |what: &str, wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(wanted) if found != Some(wanted.as_str()) => Err(Error::new(
                "unpack",
                "",
                format!(
                    "its {what} is {}, not {wanted}",
                    found.unwrap_or("not known")
                ),
            )
            .hint("it was damaged or exchanged on its way: fetch it again")),
            _ => Ok(()),
        };
        same("sha256", &self.sha256, Some(sha256))?;
        same("diff id", &self.diff_id, diff_id)
    }
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
