//! argv -> command -> exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::prelude::*;

use crate::cgroup::Manager;
use crate::commands;
use crate::error::{Context, Error, Result};
use crate::log::{self, Format};
use crate::protect;
use crate::userns::Maps;

/// What stands before the verb.
#[derive(Debug)]
pub struct Globals {
    /// Directory of the containers' states.
    pub root: PathBuf,
    pub debug: bool,
    pub cgroups: Manager,
}

/// Runs the command that `args` (with the program's name first) names.
pub fn main(args: Vec<OsString>) -> u8 {
    let mut parser = lexopt::Parser::from_iter(args);
    let (name, result) = match parse(&mut parser) {
        Ok(Some((globals, name))) => {
            let result = dispatch(&globals, &name, parser);
            (name, result)
        }
        Ok(None) => return 0,
        Err(error) => (String::new(), Err(error)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            log::error(&error);
            error.exit.unwrap_or(failure_code(&name))
        }
    }
}

/// A command line that is not understood, with the next step.
pub fn usage(error: lexopt::Error) -> Error {
    Error::new("read command line", "", error.to_string())
        .hint("see `pavlosc --help` for the commands and their options")
}

/// The value of the option that was just read.
pub fn parsed<T>(args: &mut lexopt::Parser) -> Result<T>
where
    T: FromStr,
    T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    args.value().and_then(|value| value.parse()).map_err(usage)
}

/// For verbs whose command line is the mapping of a user namespace, where there is one, and paths.
pub fn maps_and_paths(mut args: lexopt::Parser) -> Result<(Option<Maps>, Vec<PathBuf>)> {
    let mut maps = Maps::default();
    let mut paths = Vec::new();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("uid-map") => maps.uids.push(parsed(&mut args)?),
            Long("gid-map") => maps.gids.push(parsed(&mut args)?),
            Value(path) => paths.push(path.into()),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok((maps.checked()?, paths))
}

/// The one positional argument that nearly every verb has; anything after it is an error.
pub fn only_id(mut args: lexopt::Parser) -> Result<String> {
    let mut id = None;
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(value) if id.is_none() => id = Some(value.string().map_err(usage)?),
            other => return Err(usage(other.unexpected())),
        }
    }
    id.ok_or_else(missing_id)
}

/// The error of a verb that was called without a container's id.
pub fn missing_id() -> Error {
    Error::new("read command line", "", "the container's id is missing")
        .hint("see `pavlosc --help` for the commands and their options")
}

fn parse(parser: &mut lexopt::Parser) -> Result<Option<(Globals, String)>> {
    let mut root = None;
    let mut debug = false;
    let mut cgroups = Manager::default();
    let mut log_file = None;
    let mut format = Format::Text;
    while let Some(arg) = parser.next().map_err(usage)? {
        match arg {
            Long("root") => root = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Long("log") => log_file = Some(PathBuf::from(parser.value().map_err(usage)?)),
            Long("log-format") => format = parser.value().map_err(usage)?.parse().map_err(usage)?,
            Long("debug") => debug = true,
            Long("systemd-cgroup") => cgroups = Manager::Systemd,
            // crun's name for it.
            Long("cgroup-manager") => {
                let name = parser.value().and_then(ValueExt::string).map_err(usage)?;
                cgroups = manager(&name)?;
            }
            Long("version") | Short('v') => {
                commands::version();
                return Ok(None);
            }
            Long("help") | Short('h') => {
                commands::help();
                return Ok(None);
            }
            Value(name) => {
                log::init(log_file.as_deref(), format, debug)?;
                let name = name.string().map_err(usage)?;
                let root = state_root(root, &name)?;
                let globals = Globals {
                    root,
                    debug,
                    cgroups,
                };
                return Ok(Some((globals, name)));
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    commands::help();
    Err(Error::new("read command line", "", "no command given"))
}

fn manager(name: &str) -> Result<Manager> {
    match name {
        "cgroupfs" => Ok(Manager::Cgroupfs),
        "systemd" => Ok(Manager::Systemd),
        other => Err(Error::new(
            "read command line",
            format!("--cgroup-manager {other}"),
            "there is no such manager",
        )
        .hint("cgroupfs or systemd")),
    }
}

fn dispatch(globals: &Globals, name: &str, args: lexopt::Parser) -> Result<u8> {
    if matches!(name, "create" | "run" | "exec") {
        protect::own_file()?;
    }
    match commands::find(name) {
        Some(verb) => verb(globals, args),
        None => Err(Error::new("read command line", name, "no such command")
            .hint("see `pavlosc --help` for the commands and their options")),
    }
}

/// Verbs without a container do without the directory: `unpack` runs where there is no session.
fn state_root(given: Option<PathBuf>, verb: &str) -> Result<PathBuf> {
    if given.is_none()
        && matches!(
            verb,
            "unpack"
                | "pack"
                | "copy"
                | "remove"
                | "changes"
                | "exchange"
                | "lock"
                | "features"
                | "spec"
                | "hold"
                | "enter"
                | "netns"
        )
    {
        return Ok(PathBuf::new());
    }
    let root = given.map_or_else(default_root, Ok)?;
    std::path::absolute(&root).at("find state directory", root.display().to_string())
}

/// /run/pavlosc for root, $XDG_RUNTIME_DIR/pavlosc for others, among them the root of a user namespace,
/// as which rootless engines call.
fn default_root() -> Result<PathBuf> {
    const OF_ROOT: &str = "/run/pavlosc";
    if !crate::cgroup::unprivileged() {
        return Ok(OF_ROOT.into());
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) => Ok(PathBuf::from(dir).join("pavlosc")),
        None if rustix::process::geteuid().is_root() => Ok(OF_ROOT.into()),
        None => Err(
            Error::new("find state directory", "", "XDG_RUNTIME_DIR is not set")
                .hint("set it, or give --root DIR"),
        ),
    }
}

/// 125 where a command's own exit code is expected otherwise, so that the two are told apart.
fn failure_code(verb: &str) -> u8 {
    match verb {
        "run" | "exec" => 125,
        _ => 1,
    }
}
