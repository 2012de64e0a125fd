//! What a writable layer changes of the layers below it.

mod compare;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use serde::Serialize;

use super::lower::{Below, Lower, is_opaque, is_whiteout, mark};
use super::{enter, kind, names, status};
use crate::error::{Context, Result};
use crate::unpack::show;

/// One path that is not as the layers below have it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Absolute within the layer.
    pub path: String,
    pub change: Kind,
    /// What it is now, of something removed what it was.
    pub kind: &'static str,
    /// Size of a file now; of a removed one before.
    pub bytes: u64,
    /// What differs of something changed: content, kind, mode, owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<&'static str>,
    /// Of a directory that was renamed: where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Added,
    Changed,
    Removed,
}

/// Gives each change to `found`, directory by directory, names in order. What was only copied up
/// (opened for writing, its times set) is no change.
pub fn changes(upper: &OwnedFd, lower: Lower, found: &mut dyn FnMut(Change)) -> Result<()> {
    let root = Lower(
        lower
            .0
            .iter()
            .map(|layer| enter(layer, b"."))
            .collect::<rustix::io::Result<_>>()
            .at("open layer", "")?,
    );
    let mut walk = Walk {
        root,
        path: Vec::new(),
        found,
    };
    walk.directory(upper.as_fd(), &lower)
}

struct Walk<'a> {
    /// Where renamed directories are looked up.
    root: Lower,
    path: Vec<Vec<u8>>,
    found: &'a mut dyn FnMut(Change),
}

impl Walk<'_> {
    fn directory(&mut self, upper: BorrowedFd, lower: &Lower) -> Result<()> {
        let mut all = names(upper).at("read directory", self.shown())?;
        all.sort_unstable();
        for name in all {
            self.path.push(name.clone());
            self.entry(upper, &name, lower)?;
            self.path.pop();
        }
        Ok(())
    }

    fn entry(&mut self, upper: BorrowedFd, name: &[u8], lower: &Lower) -> Result<()> {
        let now = match status(upper, name) {
            // It is in use, and was removed while we looked.
            Err(Errno::NOENT) => return Ok(()),
            now => now.at("look at", self.shown())?,
        };
        let below = lower.find(name).at("look at", self.shown())?;
        if is_whiteout(upper, name, &now).at("look at", self.shown())? {
            match below {
                Below::Nothing => {}
                Below::Entry(_, was) | Below::Directory(_, was) => self.tell(Kind::Removed, &was),
            }
            return Ok(());
        }
        if kind(&now) == FileType::Directory {
            return self.known_directory(upper, name, (&now, below));
        }
        match below {
            Below::Nothing => self.tell(Kind::Added, &now),
            Below::Directory(_, was) => self.differs(&now, compare::attributes(&now, &was)),
            Below::Entry(layer, was) => {
                let differs = compare::all((upper, &now), (layer.as_fd(), &was), name)
                    .at("compare", self.shown())?;
                if !differs.is_empty() {
                    self.differs(&now, differs);
                }
            }
        }
        Ok(())
    }

    fn known_directory(
        &mut self,
        upper: BorrowedFd,
        name: &[u8],
        (now, below): (&Stat, Below),
    ) -> Result<()> {
        let directory = enter(upper, name).at("open directory", self.shown())?;
        let moved = mark(upper, name, "redirect").at("look at", self.shown())?;
        if let Some(target) = moved {
            return self.moved(directory.as_fd(), now, &target);
        }
        let opaque = is_opaque(upper, name).at("look at", self.shown())?;
        let nothing = Lower::default();
        match below {
            Below::Directory(lower, was) => {
                let differs = compare::attributes(now, &was);
                if !differs.is_empty() {
                    self.differs(now, differs);
                }
                if opaque {
                    self.hidden(directory.as_fd(), &lower)?;
                    return self.directory(directory.as_fd(), &nothing);
                }
                self.directory(directory.as_fd(), &lower)
            }
            Below::Entry(_, was) => {
                self.differs(now, compare::attributes(now, &was));
                self.directory(directory.as_fd(), &nothing)
            }
            Below::Nothing => {
                self.tell(Kind::Added, now);
                self.directory(directory.as_fd(), &nothing)
            }
        }
    }

    /// What an opaque directory hides and does not have itself.
    fn hidden(&mut self, upper: BorrowedFd, lower: &Lower) -> Result<()> {
        for name in lower.names().at("read directory", self.shown())? {
            if status(upper, &name).is_ok() {
                continue;
            }
            self.path.push(name.clone());
            if let Below::Entry(_, was) | Below::Directory(_, was) =
                lower.find(&name).at("look at", self.shown())?
            {
                self.tell(Kind::Removed, &was);
            }
            self.path.pop();
        }
        Ok(())
    }

    /// A renamed directory keeps what it had below its old name.
    fn moved(&mut self, upper: BorrowedFd, now: &Stat, target: &[u8]) -> Result<()> {
        let mut from: Vec<&[u8]> = match target.first() {
            Some(b'/') => Vec::new(),
            _ => self.path[..self.path.len() - 1]
                .iter()
                .map(Vec::as_slice)
                .collect(),
        };
        let names: Vec<&[u8]> = target
            .split(|byte| *byte == b'/')
            .filter(|name| !name.is_empty())
            .collect();
        from.extend(&names);
        let change = Change {
            from: Some(format!("/{}", show(&from.join(&b'/')))),
            ..self.change(Kind::Added, now)
        };
        let lower = self.descend(&from)?;
        (self.found)(change);
        self.directory(upper, &lower)
    }

    fn descend(&self, path: &[&[u8]]) -> Result<Lower> {
        let mut at: Option<Lower> = None;
        for name in path {
            let found = at.as_ref().unwrap_or(&self.root).find(name);
            match found.at("look at", self.shown())? {
                Below::Directory(lower, _) => at = Some(lower),
                _ => return Ok(Lower::default()),
            }
        }
        Ok(at.unwrap_or_default())
    }

    fn tell(&mut self, change: Kind, status: &Stat) {
        let change = self.change(change, status);
        (self.found)(change);
    }

    fn differs(&mut self, now: &Stat, differs: Vec<&'static str>) {
        let change = Change {
            differs,
            ..self.change(Kind::Changed, now)
        };
        (self.found)(change);
    }

    fn change(&self, change: Kind, status: &Stat) -> Change {
        let is_file = kind(status) == FileType::RegularFile;
        Change {
            path: self.shown(),
            change,
            kind: kind_name(kind(status)),
            bytes: if is_file {
                u64::try_from(status.st_size).unwrap_or(0)
            } else {
                0
            },
            differs: Vec::new(),
            from: None,
        }
    }

    fn shown(&self) -> String {
        format!("/{}", show(&self.path.join(&b'/')))
    }
}

fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "link",
        FileType::CharacterDevice | FileType::BlockDevice => "device",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
        FileType::Unknown => "unknown",
    }
}
