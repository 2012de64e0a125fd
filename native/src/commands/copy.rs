//! `pavlosc copy`: the copy step of a build. It runs inside the container, so every path is of that
//! root, and links there are followed as the container's own programs would.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, chownat, fchmod, fchown, futimens,
    mkdirat, openat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};
use crate::root::RootFd;
use crate::user;

const STEP: &str = "copy";

pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let request = parse(args)?;
    let list = read(Path::new(&request.list))?;
    let copy = Copy {
        root: RootFd::open_host(Path::new("/"))?,
        owner: owner(&request.owner)?,
        request,
    };
    for name in list.split(|byte| *byte == 0) {
        copy.entry(Path::new(OsStr::from_bytes(name)))?;
    }
    Ok(0)
}

struct Request {
    /// File of paths below `source`, each ended by a zero byte's place: parents come first; an empty
    /// one is the source itself.
    list: PathBuf,
    source: PathBuf,
    target: PathBuf,
    owner: String,
    /// Of files; None: as in the source.
    mode: Option<u32>,
}

fn parse(mut args: lexopt::Parser) -> Result<Request> {
    let mut list = PathBuf::new();
    let mut owner = String::from("0:0");
    let mut mode = None;
    let mut paths: Vec<PathBuf> = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("list") => list = args.value().map_err(usage)?.into(),
            Long("owner") => owner = args.value().and_then(|v| v.string()).map_err(usage)?,
            Long("mode") => {
                let text = args.value().and_then(|v| v.string()).map_err(usage)?;
                mode =
                    Some(u32::from_str_radix(&text, 8).map_err(|error| {
                        Error::new("read command line", text, error.to_string())
                    })?);
            }
            Value(path) => paths.push(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    let Ok([source, target]) = <[PathBuf; 2]>::try_from(paths) else {
        return Err(Error::new(
            "read command line",
            "",
            "copy takes a source and a target",
        ));
    };
    Ok(Request {
        list,
        source,
        target,
        owner,
        mode,
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).at(STEP, path.display().to_string())
}

/// `uid[:gid]` or `name[:group]` of the container's own accounts; files of a number without a group
/// belong to the group of that number.
fn owner(spec: &str) -> Result<(u32, u32)> {
    if let Some(id) = user::parse_id(spec.as_bytes()) {
        return Ok((id, id));
    }
    let accounts = |path: &str| {
        let mut text = Vec::new();
        match File::open(path) {
            Ok(file) => file
                .take(user::MAX_FILE as u64)
                .read_to_end(&mut text)
                .map(|_| text)
                .at(STEP, path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(text),
            Err(error) => Err(error).at(STEP, path),
        }
    };
    let found = user::lookup(&accounts("/etc/passwd")?, &accounts("/etc/group")?, spec)?;
    Ok((found.uid, found.gid))
}

struct Copy {
    request: Request,
    root: RootFd,
    owner: (u32, u32),
}

impl Copy {
    fn entry(&self, name: &Path) -> Result<()> {
        let (from, to) = match name.as_os_str().is_empty() {
            true => (self.request.source.clone(), self.request.target.clone()),
            false => (
                self.request.source.join(name),
                self.request.target.join(name),
            ),
        };
        let subject = || to.display().to_string();
        let source = std::fs::symlink_metadata(&from).at(STEP, from.display().to_string())?;
        let Some(last) = to.file_name() else {
            // The root itself, which is there.
            return Ok(());
        };
        let parent = self
            .root
            .make_dir(to.parent().unwrap_or(Path::new("/")), 0o755)?;
        if source.is_dir() {
            return self.directory(&parent, last, &to);
        }
        match unlinkat(&parent, last, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => {
                return Err(Error::new(STEP, subject(), "a directory is there already")
                    .hint("end `to` in a slash to copy into it"));
            }
            Err(errno) => return Err(Error::os(STEP, subject(), errno)),
        }
        if source.is_symlink() {
            let target = std::fs::read_link(&from).at(STEP, from.display().to_string())?;
            symlinkat(&target, &parent, last).at(STEP, subject())?;
            let (uid, gid) = self.ids();
            return chownat(&parent, last, uid, gid, AtFlags::SYMLINK_NOFOLLOW).at(STEP, subject());
        }
        self.file(&parent, last, &from)
    }

    fn directory(&self, parent: &OwnedFd, name: &OsStr, to: &Path) -> Result<()> {
        let subject = || to.display().to_string();
        match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            // What is there keeps its owner; a link to a directory is one.
            Err(Errno::EXIST) => {
                return self.root.make_dir(to, 0o755).map(|_| ());
            }
            Err(errno) => return Err(Error::os(STEP, subject(), errno)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(parent, name, flags, Mode::empty()).at(STEP, subject())?;
        let (uid, gid) = self.ids();
        fchown(&made, uid, gid).at(STEP, subject())?;
        fchmod(&made, Mode::from_raw_mode(0o755)).at(STEP, subject())
    }

    fn file(&self, parent: &OwnedFd, name: &OsStr, from: &Path) -> Result<()> {
        let subject = || from.display().to_string();
        let mut source = File::open(from).at(STEP, subject())?;
        let metadata = source.metadata().at(STEP, subject())?;
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        let made = openat(parent, name, flags, Mode::from_raw_mode(0o600)).at(STEP, subject())?;
        let mut made = File::from(made);
        std::io::copy(&mut source, &mut made).at(STEP, subject())?;
        let (uid, gid) = self.ids();
        fchown(&made, uid, gid).at(STEP, subject())?;
        let mode = self.request.mode.unwrap_or(metadata.permissions().mode()) & 0o7777;
        fchmod(&made, Mode::from_raw_mode(mode)).at(STEP, subject())?;
        let time = Timespec {
            tv_sec: metadata.mtime(),
            tv_nsec: metadata.mtime_nsec(),
        };
        futimens(
            &made,
            &Timestamps {
                last_access: time,
                last_modification: time,
            },
        )
        .at(STEP, subject())
    }

    fn ids(&self) -> (Option<Uid>, Option<Gid>) {
        let (uid, gid) = self.owner;
        (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    }
}
