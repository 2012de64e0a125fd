//! `pavlosc exec`: one more process inside a container.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, parsed, usage};
use crate::error::{Error, Result};
use crate::exec::{self, Request};

/// The exit code is the command's.
pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let request = parse(&mut args)?;
    exec::run(globals, &request)
}

fn parse(args: &mut lexopt::Parser) -> Result<Request> {
    let mut request = Request::default();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("tty") | Short('t') => request.tty = true,
            Long("detach") | Short('d') => request.detach = true,
            Long("cwd") => request.cwd = Some(text(args)?.into()),
            Long("env") | Short('e') => request.env.push(variable(text(args)?)?),
            Long("user") | Short('u') => request.user = Some(text(args)?),
            Long("process") | Short('p') => request.process = Some(path(args)?),
            Long("cap") | Short('c') => request.capabilities.push(text(args)?),
            Long("no-new-privs") => request.no_new_privileges = true,
            Long("apparmor") => request.apparmor_profile = Some(text(args)?),
            Long("process-label") => request.selinux_label = Some(text(args)?),
            Long("additional-gids") | Short('g') => request.groups.push(parsed(args)?),
            Long("cgroup") => request.cgroups.push(parsed(args)?),
            Long("ignore-paused") => request.ignore_paused = true,
            Long("pid-file") => request.pid_file = Some(path(args)?),
            Long("console-socket") => request.console_socket = Some(path(args)?),
            Long("pidfd-socket") => request.pidfd_socket = Some(path(args)?),
            Long("preserve-fds") => request.preserve_fds = parsed(args)?,
            Value(id) => {
                request.id = id.string().map_err(usage)?;
                request.args = command(args.raw_args().map_err(usage)?)?;
                return check(request);
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    Err(missing_id())
}

/// What stands after the id is the command's, options too; one `--` in front is not.
fn command(raw: lexopt::RawArgs<'_>) -> Result<Vec<String>> {
    let all: Vec<OsString> = raw.collect();
    let all = if all.first().is_some_and(|first| first == "--") {
        &all[1..]
    } else {
        &all[..]
    };
    all.iter()
        .map(|arg| arg.clone().string().map_err(usage))
        .collect()
}

fn check(request: Request) -> Result<Request> {
    let wrong =
        |reason: &str, hint: &str| Err(Error::new("read command line", "", reason).hint(hint));
    match (&request.process, request.args.is_empty()) {
        (None, true) => wrong("the command is missing", "pavlosc exec ID COMMAND..."),
        (Some(_), false) => wrong(
            "a command and --process exclude each other",
            "leave one of them out",
        ),
        _ if request.console_socket.is_some() && !request.detach => wrong(
            "--console-socket needs --detach",
            "without --detach the terminal is relayed here",
        ),
        _ => Ok(request),
    }
}

fn variable(text: String) -> Result<String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text),
        _ => Err(Error::new(
            "read command line",
            "--env",
            format!("{text:?} is not NAME=VALUE"),
        )),
    }
}

fn text(args: &mut lexopt::Parser) -> Result<String> {
    args.value().and_then(|value| value.string()).map_err(usage)
}

fn path(args: &mut lexopt::Parser) -> Result<PathBuf> {
    args.value().map(PathBuf::from).map_err(usage)
}
