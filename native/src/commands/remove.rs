//! `pavlosc remove`.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, open, unlinkat};
use rustix::io::Errno;

use crate::cli::{Globals, maps_and_paths};
use crate::error::{Error, Result};
use crate::log;
use crate::remove::{Problem, remove};
use crate::unpack::show;
use crate::userns;

pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let (maps, paths) = maps_and_paths(args)?;
    let mut code = 0;
    let mut targets = Vec::new();
    for path in &paths {
        match target(path) {
            Ok(target) => targets.extend(target),
            Err(error) => code = failed(&error),
        }
    }
    code |= match maps {
        None => empty(&targets, Last::Report),
        // The directory around a target may belong to ids that are not mapped: then the last step
        // is for the caller. What is left inside was reported.
        Some(maps) => match userns::run(&maps, || empty(&targets, Last::Leave))? {
            0 => finish(&targets),
            failed => failed,
        },
    };
    Ok(code)
}

/// Something to remove: the directory around it, open, and its name there.
struct Target {
    parent: OwnedFd,
    name: Vec<u8>,
    path: PathBuf,
}

/// What to do when the target itself may not be removed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Report,
    Leave,
}

/// None: there is nothing at `path`.
fn target(path: &Path) -> Result<Option<Target>> {
    let subject = path.display().to_string();
    let Some(name) = path.file_name() else {
        return Err(Error::new("remove", subject, "it does not end in a name")
            .hint("give the directory's own path"));
    };
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match open(
        parent,
        OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(parent) => Ok(Some(Target {
            parent,
            name: name.as_bytes().to_vec(),
            path: path.to_owned(),
        })),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::os("remove", subject, errno)),
    }
}

fn empty(targets: &[Target], last: Last) -> u8 {
    let mut code = 0;
    for target in targets {
        for problem in remove(target.parent.as_fd(), &target.name) {
            let own =
                problem.path == target.name && matches!(problem.errno, Errno::PERM | Errno::ACCESS);
            if !own || last == Last::Report {
                code = failed(&explained(target, &problem));
            }
        }
    }
    code
}

/// Removes the targets themselves, which are empty now.
fn finish(targets: &[Target]) -> u8 {
    let mut code = 0;
    for target in targets {
        let name = target.name.as_slice();
        let removed = match unlinkat(&target.parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => unlinkat(&target.parent, name, AtFlags::REMOVEDIR),
            removed => removed,
        };
        if let Err(errno) = removed
            && errno != Errno::NOENT
        {
            code = failed(&Error::os(
                "remove",
                target.path.display().to_string(),
                errno,
            ));
        }
    }
    code
}

fn explained(target: &Target, problem: &Problem) -> Error {
    let around = target.path.parent().unwrap_or(Path::new(""));
    let path = around.join(std::ffi::OsStr::from_bytes(&problem.path));
    let error = Error::os("remove", show(path.as_os_str().as_bytes()), problem.errno);
    match problem.errno {
        Errno::XDEV | Errno::BUSY => error.hint("something is mounted there: unmount it first"),
        Errno::PERM | Errno::ACCESS => error
            .hint("it belongs to somebody else: give the --uid-map and --gid-map it was made with"),
        _ => error,
    }
}

fn failed(error: &Error) -> u8 {
    log::error(error);
    1
}
