//! `pavlosc create`: builds a container; its command waits for `start`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;

use crate::cli::{Globals, missing_id, usage};
use crate::error::{Context, Error, Result};
use crate::launch::{self, Created, Gate, Request};
use crate::terminal::pty;

/// The options that `create` and `run` share.
#[derive(Debug, Default)]
pub struct Options {
    pub id: Option<String>,
    pub bundle: Option<PathBuf>,
    /// In place of the bundle's config.json.
    pub config: Option<PathBuf>,
    pub pid_file: Option<PathBuf>,
    pub console_socket: Option<PathBuf>,
    /// Where the init's pidfd goes.
    pub pidfd_socket: Option<PathBuf>,
    pub preserve_fds: u32,
    pub old_keyring: bool,
}

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut options = Options::default();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(id) if options.id.is_none() => options.id = Some(id.string().map_err(usage)?),
            Long(_) | Short(_) => {
                let name = option_name(&arg);
                if !options.take(&name, &mut args)? {
                    return Err(unknown(&name));
                }
            }
            Value(other) => return Err(unknown(&other.to_string_lossy())),
        }
    }
    let created = launch::create(&options.request(globals, Gate::Socket, [None, None, None])?)?;
    options.announce(&created)?;
    Ok(0)
}

/// A long or short option without its dashes.
pub fn option_name(arg: &lexopt::Arg) -> String {
    match arg {
        Long(name) => (*name).to_owned(),
        Short(letter) => letter.to_string(),
        Value(_) => String::new(),
    }
}

/// The error of an option or argument that the verb does not have.
pub fn unknown(name: &str) -> Error {
    Error::new("read command line", name, "is not understood here")
        .hint("see `pavlosc --help` for the commands and their options")
}

impl Options {
    /// Takes one of the shared options; false: it is none.
    pub fn take(&mut self, name: &str, args: &mut lexopt::Parser) -> Result<bool> {
        match name {
            "bundle" | "b" => self.bundle = Some(PathBuf::from(args.value().map_err(usage)?)),
            "config" | "f" => self.config = Some(PathBuf::from(args.value().map_err(usage)?)),
            "pid-file" => self.pid_file = Some(PathBuf::from(args.value().map_err(usage)?)),
            "console-socket" => {
                self.console_socket = Some(PathBuf::from(args.value().map_err(usage)?));
            }
            "pidfd-socket" => {
                self.pidfd_socket = Some(PathBuf::from(args.value().map_err(usage)?));
            }
            "preserve-fds" => {
                self.preserve_fds = args.value().map_err(usage)?.parse().map_err(usage)?;
            }
            "no-new-keyring" => self.old_keyring = true,
            // pivot_root is what keeps the host's root out of reach, so it is always done.
            "no-pivot" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub fn id(&self) -> Result<&str> {
        self.id.as_deref().ok_or_else(missing_id)
    }

    /// The bundle's directory, absolute; by default the current one.
    pub fn bundle(&self) -> Result<PathBuf> {
        let bundle = self.bundle.as_deref().unwrap_or(Path::new("."));
        bundle
            .canonicalize()
            .at("open bundle", bundle.display().to_string())
    }

    /// The request that these options describe.
    pub fn request<'a>(
        &'a self,
        globals: &'a Globals,
        gate: Gate,
        stdio: [Option<std::os::fd::OwnedFd>; 3],
    ) -> Result<Request<'a>> {
        let bundle = self.bundle()?;
        let config = match &self.config {
            Some(path) => Some(
                std::path::absolute(path).at("open configuration", path.display().to_string())?,
            ),
            None => None,
        };
        Ok(Request {
            root: &globals.root,
            id: self.id()?,
            bundle,
            config,
            stdio,
            gate,
            die_with_parent: false,
            preserve_fds: self.preserve_fds,
            new_keyring: !self.old_keyring,
            env: BTreeMap::new(),
            keep_state: false,
            network: None,
            cgroups: globals.cgroups,
        })
    }

    /// Tells the caller what was made: the pid file, and the terminal on the console socket.
    pub fn announce(&self, created: &Created) -> Result<()> {
        use std::os::fd::AsFd;
        if let Some(path) = &self.pid_file {
            write_pid(path, created.state.pid)?;
        }
        if let Some(path) = &self.pidfd_socket {
            pty::send_pidfd(path, created.pidfd.as_fd())?;
        }
        match (&self.console_socket, &created.console) {
            (Some(path), Some(master)) => {
                let socket = pty::connect(path)?;
                pty::send(socket.as_fd(), master.as_fd())
            }
            _ => Ok(()),
        }
    }
}

/// Whoever waits for the file must never see half a number.
fn write_pid(path: &Path, pid: i32) -> Result<()> {
    let temporary = path.with_extension("pid.tmp");
    let subject = path.display().to_string();
    std::fs::write(&temporary, pid.to_string()).at("write pid file", subject.clone())?;
    std::fs::rename(&temporary, path).at("write pid file", subject)
}
