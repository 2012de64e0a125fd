//! Removes trees by descriptors: no link is followed, no other file system entered, nothing goes
//! wrong when somebody changes the tree meanwhile. Not recursive; a tree may be of any depth.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, chmod, fchmod, fstat, openat, openat2,
    renameat, unlinkat,
};
use rustix::io::Errno;

use crate::unpack::magic_path;

/// Directories open at a time. What lies deeper is moved up and removed from there.
const MAX_DEPTH: usize = 64;
/// How often a directory is read again from which nothing more goes away.
const MAX_IDLE_ROUNDS: u32 = 4;
/// How often a directory is read again at all: somebody else may add to it for ever.
const MAX_ROUNDS: u32 = 1_000_000;
/// Most problems that are kept.
const MAX_PROBLEMS: usize = 1000;

/// Something that is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path below the parent that was given.
    pub path: Vec<u8>,
    /// `EXDEV`: something is mounted there.
    pub errno: Errno,
}

/// Removes `name` in `parent`, whatever it is, and goes on after failures. Nothing there is fine.
pub fn remove(parent: BorrowedFd, name: &[u8]) -> Vec<Problem> {
    let mut removal = Removal {
        parent,
        levels: Vec::new(),
        removed: 0,
        moved: 0,
        problems: Vec::new(),
    };
    removal.entry(name, FileType::Unknown);
    while let Some(level) = removal.levels.last_mut() {
        match level.dir.read() {
            Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Some(Ok(entry)) => removal.entry(entry.file_name().to_bytes(), entry.file_type()),
            Some(Err(errno)) => {
                removal.problem(b"", errno);
                removal.leave();
            }
            None => removal.leave(),
        }
    }
    removal.problems
}

struct Removal<'a> {
    parent: BorrowedFd<'a>,
    /// The directories on the way to the current one.
    levels: Vec<Level>,
    removed: u64,
    moved: u64,
    problems: Vec<Problem>,
}

struct Level {
    name: Vec<u8>,
    /// For calls; `dir` has its own.
    fd: OwnedFd,
    dir: Dir,
    rounds: u32,
    idle_rounds: u32,
    /// `Removal::removed` when this round of reading started.
    removed_before: u64,
}

impl Removal<'_> {
    /// Removes an entry of the current directory, or enters it.
    fn entry(&mut self, name: &[u8], kind: FileType) {
        if kind == FileType::Directory {
            return self.enter(name);
        }
        match unlinkat(self.current(), name, AtFlags::empty()) {
            Ok(()) => self.removed += 1,
            Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => self.enter(name),
            // Also the answer for a directory, when the one around it cannot be written to: it can
            // still be emptied.
            Err(Errno::PERM | Errno::ACCESS) if kind == FileType::Unknown => self.enter(name),
            Err(errno) => self.problem(name, errno),
        }
    }

    fn enter(&mut self, name: &[u8]) {
        let opened = open(self.current(), name).and_then(|fd| Ok((Dir::read_from(&fd)?, fd)));
        match opened {
            Ok((dir, fd)) if self.levels.len() < MAX_DEPTH => {
                let removed_before = self.removed;
                self.levels.push(Level {
                    name: name.to_vec(),
                    fd,
                    dir,
                    rounds: 0,
                    idle_rounds: 0,
                    removed_before,
                });
            }
            Ok(_) => self.move_up(name),
            Err(Errno::NOENT) => {}
            // Exchanged for something else since it was read.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                match unlinkat(self.current(), name, AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => self.problem(name, errno),
                }
            }
            Err(errno) => self.problem(name, errno),
        }
    }

    /// Moves a directory that lies too deep into the topmost one, which is read again later.
    fn move_up(&mut self, name: &[u8]) {
        let Some(top) = self.levels.first() else {
            return;
        };
        for _ in 0..1000 {
            self.moved += 1;
            let new_name = format!(".pavlosc-remove-{}", self.moved);
            match renameat(self.current(), name, &top.fd, new_name) {
                Ok(()) => {
                    self.removed += 1;
                    return;
                }
                Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                Err(errno) => return self.problem(name, errno),
            }
        }
        self.problem(name, Errno::EXIST);
    }

    /// Removes the current directory, which was read to its end; reads it again if it is not empty.
    fn leave(&mut self) {
        let Some(mut level) = self.levels.pop() else {
            return;
        };
        match unlinkat(self.current(), level.name.as_slice(), AtFlags::REMOVEDIR) {
            Ok(()) => self.removed += 1,
            Err(Errno::NOENT) => {}
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                let progress = self.removed > level.removed_before;
                level.rounds += 1;
                level.idle_rounds = if progress { 0 } else { level.idle_rounds + 1 };
                let known = self.has_problem_below(&level.name);
                if level.rounds < MAX_ROUNDS
                    && level.idle_rounds < MAX_IDLE_ROUNDS
                    && (progress || !known)
                {
                    level.removed_before = self.removed;
                    level.dir.rewind();
                    self.levels.push(level);
                } else if !known {
                    self.problem(&level.name, Errno::NOTEMPTY);
                }
            }
            Err(errno) => self.problem(&level.name, errno),
        }
    }

    fn current(&self) -> BorrowedFd<'_> {
        self.levels
            .last()
            .map_or(self.parent, |level| level.fd.as_fd())
    }

    fn problem(&mut self, name: &[u8], errno: Errno) {
        let problem = Problem {
            path: self.path(name),
            errno,
        };
        if self.problems.len() < MAX_PROBLEMS && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn has_problem_below(&self, name: &[u8]) -> bool {
        let path = self.path(name);
        self.problems
            .iter()
            .any(|problem| problem.path.starts_with(&path))
    }

    fn path(&self, name: &[u8]) -> Vec<u8> {
        let mut parts: Vec<&[u8]> = self
            .levels
            .iter()
            .map(|level| level.name.as_slice())
            .collect();
        parts.extend((!name.is_empty()).then_some(name));
        parts.join(&b'/')
    }
}

/// Opens a directory of the same mount, and makes it one whose entries its owner can remove.
fn open(parent: BorrowedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let open = || openat2(parent, name, flags, Mode::empty(), resolve);
    let fd = match open() {
        Err(Errno::ACCESS) => {
            let handle = openat(parent, name, flags | OFlags::PATH, Mode::empty())?;
            chmod(magic_path(&handle), Mode::RWXU)?;
            open()?
        }
        opened => opened?,
    };
    if !Mode::from_raw_mode(fstat(&fd)?.st_mode).contains(Mode::RWXU) {
        // Where this fails, removing an entry will, and says so.
        let _ = fchmod(&fd, Mode::RWXU);
    }
    Ok(fd)
}
