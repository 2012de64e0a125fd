//! `pavlosc hold`: a process that does nothing but keep namespaces.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use lexopt::prelude::*;
use rustix::mount::{MountPropagationFlags, mount_change};

use crate::cli::{Globals, parsed, usage};
use crate::error::{Context, Error, Result};
use crate::launch::namespaces;
use crate::sys::{descriptor, process};
use crate::userns::{self, Maps};
use crate::{log, report};

/// Makes a user namespace of the mapping with a mount and a network namespace in it, and prints the
/// pid of the process that keeps them until it is killed.
pub fn run(_globals: &Globals, args: lexopt::Parser) -> Result<u8> {
    let Arguments { maps, pid_file } = parse(args)?;
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at("make pipe", "")?;
    let pid = userns::detached(&maps, move || keep(File::from(write)))?;
    let mut ready = Vec::new();
    File::from(read)
        .read_to_end(&mut ready)
        .at("wait for the holder", "")?;
    if ready.is_empty() {
        return Err(Error::new("keep namespaces", "", "the holder ended"));
    }
    if let Some(path) = pid_file {
        std::fs::write(&path, pid.as_raw_nonzero().to_string())
            .at("write pid file", path.display().to_string())?;
    }
    report::line(&serde_json::json!({ "pid": pid.as_raw_nonzero() }));
    Ok(0)
}

fn keep(mut ready: File) -> u8 {
    let made = make();
    if let Err(error) = made {
        log::error(&error);
        return 1;
    }
    let told = ready.write_all(b"1");
    drop(ready);
    while told.is_ok() {
        std::thread::park();
    }
    1
}

fn make() -> Result<()> {
    rustix::process::setsid().at("begin session", "")?;
    rustix::process::chdir("/").at("change directory", "/")?;
    process::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWNET).at("make namespaces", "")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).at("separate mounts", "/")?;
    namespaces::loopback()?;
    descriptor::close_inherited()
}

struct Arguments {
    maps: Maps,
    /// Written before the pid is printed: who asked may be gone by then.
    pid_file: Option<PathBuf>,
}

fn parse(mut args: lexopt::Parser) -> Result<Arguments> {
    let mut maps = Maps::default();
    let mut pid_file = None;
    while let Some(arg) = args.next().map_err(usage)? {
        if arg == Long("pid-file") {
            pid_file = Some(PathBuf::from(args.value().map_err(usage)?));
            continue;
        }
        let list = match arg {
            Long("uid-map") => &mut maps.uids,
            Long("gid-map") => &mut maps.gids,
            other => return Err(usage(other.unexpected())),
        };
        list.push(parsed(&mut args)?);
    }
    let maps = maps.checked()?.ok_or_else(|| {
        Error::new("read command line", "", "the mapping is missing")
            .hint("pavlosc hold --uid-map C:H:N --gid-map C:H:N")
    })?;
    Ok(Arguments { maps, pid_file })
}
