//! Writes trees as a tar archive: several that lie over each other as what an overlay of them shows, or
//! one alone as a layer, where overlayfs's marks become the whiteouts of image layers. Sorted by name,
//! so that the same trees give the same bytes.

mod header;
mod marks;
mod walk;

use std::io::Write;
use std::os::fd::OwnedFd;

use crate::error::{Context, Result};

/// What the archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// All that is seen, from the root on.
    Tree,
    /// What one layer changes: removals are entries of their own.
    Layer,
}

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub style: Style,
    /// No entry is newer, in seconds since 1970: SOURCE_DATE_EPOCH.
    pub epoch: Option<i64>,
}

/// Packs directories, topmost first.
pub fn pack(trees: Vec<OwnedFd>, out: &mut dyn Write, options: Options) -> Result<()> {
    walk::walk(trees, out, options)?;
    // The end mark: two empty blocks.
    out.write_all(&[0; 1024])
        .and_then(|()| out.flush())
        .at("write archive", "standard output")
}

#[cfg(test)]
mod tests;
