//! `pavlosc unpack`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, chmodat, chownat, fstat, mkdirat, open};
use rustix::io::Errno;

use crate::cli::{Globals, parsed, usage};
use crate::error::{Context, Error, Result};
use crate::log;
use crate::unpack::{Content, Expected, Marker, Options, Owner, Squash, unpack};
use crate::userns::{self, Maps};

pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let request = parse(args)?;
    let archive = archive(&request.archive)?;
    let root = root(&request.dir, request.maps.as_ref())?;
    match request.maps.clone() {
        None => work(request, archive, root),
        Some(maps) => userns::run(&maps, || {
            work(request, archive, root).unwrap_or_else(|error| {
                log::error(&error);
                1
            })
        }),
    }
}

struct Request {
    archive: OsString,
    dir: PathBuf,
    maps: Option<Maps>,
    squash: Squash,
    max_bytes: Option<u64>,
    progress: bool,
    sync: bool,
    content: Content,
    expected: Expected,
    list: Option<File>,
}

fn parse(mut args: lexopt::Parser) -> Result<Request> {
    let mut maps = Maps::default();
    let mut request = Request {
        archive: OsString::new(),
        dir: PathBuf::new(),
        maps: None,
        squash: Squash::No,
        max_bytes: None,
        progress: false,
        sync: true,
        content: Content::Archive,
        expected: Expected::default(),
        list: None,
    };
    let mut names = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("uid-map") => maps.uids.push(parsed(&mut args)?),
            Long("gid-map") => maps.gids.push(parsed(&mut args)?),
            Long("squash") => request.squash = Squash::Yes,
            Long("max-bytes") => {
                request.max_bytes = Some(parsed(&mut args)?);
            }
            Long("layer") => request.content = Content::Layer(Marker::Auto),
            Long("layer-by-attribute") => request.content = Content::Layer(Marker::Attribute),
            Long("sha256") => request.expected.sha256 = Some(digest(&mut args)?),
            Long("diff-id") => request.expected.diff_id = Some(digest(&mut args)?),
            Long("list") => request.list = Some(list(&args.value().map_err(usage)?)?),
            Long("progress") => request.progress = true,
            Long("no-sync") => request.sync = false,
            Value(name) => names.push(name),
            other => return Err(usage(other.unexpected())),
        }
    }
    let Ok([archive, dir]) = <[OsString; 2]>::try_from(names) else {
        return Err(Error::new(
            "read command line",
            "",
            "unpack takes an archive and a directory",
        )
        .hint("pavlosc unpack [OPTIONS] ARCHIVE DIR"));
    };
    request.maps = maps.checked()?;
    Ok(Request {
        archive,
        dir: dir.into(),
        ..request
    })
}

/// A new file, made with the caller's own rights.
fn list(path: &OsStr) -> Result<File> {
    File::create_new(path).at("make list", path.display().to_string())
}

/// `sha256:` in front of it is fine.
fn digest(args: &mut lexopt::Parser) -> Result<String> {
    let text = args
        .value()
        .and_then(|value| value.string())
        .map_err(usage)?;
    let hex = text.strip_prefix("sha256:").unwrap_or(&text);
    match hex.len() == 64
        && hex
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    {
        true => Ok(hex.to_owned()),
        false => Err(Error::new(
            "read command line",
            text,
            "it is not a SHA-256 in lower-case hexadecimal",
        )),
    }
}

/// The archive, opened with the caller's own rights.
fn archive(name: &OsStr) -> Result<File> {
    if name == "-" {
        let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
            .at("open archive", "standard input")?;
        return Ok(input.into());
    }
    let subject = || name.display().to_string();
    let archive = File::open(name).at("open archive", subject())?;
    match archive.metadata().at("open archive", subject())?.is_dir() {
        true => Err(Error::new("open archive", subject(), "it is a directory")
            .hint("give an archive, or use rootfs.path")),
        false => Ok(archive),
    }
}

/// The directory to unpack into, made when it is missing. With a mapping it is given to the root
/// of the namespace, where that is possible.
fn root(path: &Path, maps: Option<&Maps>) -> Result<OwnedFd> {
    let subject = || path.display().to_string();
    match mkdirat(CWD, path, Mode::from_raw_mode(0o755)) {
        Ok(()) => {
            // Whatever the umask is.
            chmodat(CWD, path, Mode::from_raw_mode(0o755), AtFlags::empty())
                .at("make directory", subject())?;
            if let (Some(maps), true) = (maps, rustix::process::geteuid().is_root()) {
                let (uid, gid) = maps.first_outside();
                chownat(
                    CWD,
                    path,
                    Some(Uid::from_raw(uid)),
                    Some(Gid::from_raw(gid)),
                    AtFlags::SYMLINK_NOFOLLOW,
                )
                .at("make directory", subject())?;
            }
        }
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(Error::os("make directory", subject(), errno)),
    }
    let root = open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .at("open directory", subject())?;
    fstat(&root).at("open directory", subject())?;
    Ok(root)
}

fn work(request: Request, archive: File, root: OwnedFd) -> Result<u8> {
    let names = Names {
        archive: request.archive,
        dir: request.dir,
    };
    let options = Options {
        owner: Owner::new(request.maps.as_ref(), request.squash),
        max_bytes: request.max_bytes,
        progress: request.progress,
        sync: request.sync,
        content: request.content,
        expected: request.expected,
        list: request.list,
    };
    let summary = unpack(archive, root, options).map_err(|error| names.put_into(error))?;
    let line = serde_json::to_string(&summary)
        .map_err(|error| Error::new("print summary", "", error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .at("print summary", "standard output")?;
    Ok(0)
}

/// What errors are about.
struct Names {
    archive: OsString,
    dir: PathBuf,
}

impl Names {
    /// Says which archive or directory an error is about, where it does not.
    fn put_into(&self, error: Error) -> Error {
        let archive = if self.archive == "-" {
            "standard input".into()
        } else {
            self.archive.display().to_string()
        };
        let subject = match error.subject.as_str() {
            "root" => self.dir.display().to_string(),
            "" => archive,
            subject => format!("{archive}: {subject}"),
        };
        Error { subject, ..error }
    }
}
