//! `pavlosc run`: create and start; in the foreground until the command ends.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::PathBuf;

use lexopt::prelude::*;
use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::create::{Options, option_name, unknown};
use crate::cgroup::Manager;
use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};
use crate::launch::{self, Created, Gate};
use crate::supervise;
use crate::teardown;
use crate::terminal::foreground;

pub fn run(globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let mut options = Options::default();
    let mut mode = Mode::default();
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Value(id) if options.id.is_none() => options.id = Some(id.string().map_err(usage)?),
            Long("detach") | Short('d') => mode.detach = true,
            Long("keep") => mode.keep = true,
            Long("supervise") => mode.supervise = true,
            Long("hold") => mode.hold = true,
            Long("batch") => mode.batch = Some(args.value().map_err(usage)?.into()),
            Long(_) | Short(_) => {
                let name = option_name(&arg);
                if !options.take(&name, &mut args)? {
                    return Err(unknown(&name));
                }
            }
            Value(other) => return Err(unknown(&other.to_string_lossy())),
        }
    }
    if mode.supervise && globals.cgroups == Manager::Systemd {
        return Err(Error::new(
            "read command line",
            "--systemd-cgroup",
            "a supervised container's cgroup is its supervisor's",
        )
        .hint("leave out --supervise or --systemd-cgroup"));
    }
    match &mode {
        Mode {
            supervise: false,
            hold: true,
            ..
        }
        | Mode {
            supervise: false,
            batch: Some(_),
            ..
        } => Err(Error::new(
            "read command line",
            "",
            "--hold and --batch need --supervise",
        )),
        Mode {
            supervise: true,
            batch: Some(file),
            hold,
            ..
        } => supervise::run_batch(globals, file, *hold),
        Mode {
            supervise: true,
            hold,
            ..
        } => supervised(globals, &options, *hold),
        Mode { detach: true, .. } => detached(globals, &options),
        Mode { keep, .. } => {
            let created = in_foreground(globals, &options)?;
            if *keep {
                return created.code;
            }
            teardown::known_container(globals, &created.created.state, &created.created.config)?;
            // The kernel closes everything at once when this process ends, which is now.
            std::mem::forget(created.created);
            created.code
        }
    }
}

/// Who stays with the container.
#[derive(Debug, Default)]
struct Mode {
    /// Nobody.
    detach: bool,
    /// A supervisor; with `hold` the container is only created, with `batch` there are many.
    supervise: bool,
    hold: bool,
    batch: Option<PathBuf>,
    /// What remains of a container that ran in the foreground is for `delete`.
    keep: bool,
}

fn supervised(globals: &Globals, options: &Options, hold: bool) -> Result<u8> {
    let request = supervise::Request {
        id: options.id()?.to_owned(),
        bundle: options.bundle()?,
        env: BTreeMap::new(),
        hold,
    };
    supervise::run(globals, &request)
}

fn detached(globals: &Globals, options: &Options) -> Result<u8> {
    let mut created =
        launch::create(&options.request(globals, Gate::Direct, [None, None, None])?)?;
    started(globals, &mut created, |created| options.announce(created))?;
    Ok(0)
}

/// A container whose command has ended.
struct Ended {
    created: Created,
    code: Result<u8>,
}

fn in_foreground(globals: &Globals, options: &Options) -> Result<Ended> {
    let signals = foreground::block_signals()?;
    let mut request = options.request(globals, Gate::Direct, [None, None, None])?;
    let config = request.load()?;
    let terminal = (config.process.as_ref()).is_some_and(|process| process.terminal);
    let mut pipes = None;
    if !terminal {
        let (relay, theirs) = foreground::pipes()?;
        pipes = Some(relay);
        request.stdio = theirs;
    }
    let mut created = launch::create_from(&request, config)?;
    if let Some(master) = &created.console {
        foreground::prepare(master)?;
    }
    // The command's ends are its own now; ours would keep its pipes open.
    drop(request);
    started(globals, &mut created, |created| options.announce(created))?;
    let relay = match (created.console.take(), pipes) {
        (Some(master), _) => foreground::terminal(master)?,
        (None, Some(relay)) => relay,
        (None, None) => foreground::pipes()?.0,
    };
    let relayed = relay.relay(created.pidfd.as_fd(), &signals);
    let code = wait(&created);
    let code = relayed.and(code);
    // Blocked to the end, and the process ends soon.
    std::mem::forget(signals);
    Ok(Ended { created, code })
}

/// Starts it; when that fails, nothing is left.
fn started(
    globals: &Globals,
    created: &mut Created,
    announce: impl FnOnce(&Created) -> Result<()>,
) -> Result<()> {
    announce(created)
        .and_then(|()| created.start())
        .inspect_err(|_| {
            let _ = teardown::kill(&created.state);
            let _ = waitid(WaitId::PidFd(created.pidfd.as_fd()), WaitIdOptions::EXITED);
            let _ = teardown::known_container(globals, &created.state, &created.config);
        })
}

/// The command's exit code, 128 + n after signal n.
fn wait(created: &Created) -> Result<u8> {
    let status = rustix::io::retry_on_intr(|| {
        waitid(WaitId::PidFd(created.pidfd.as_fd()), WaitIdOptions::EXITED)
    })
    .at("wait for command", "")?
    .ok_or_else(|| Error::new("wait for command", "", "no status"))?;
    let code = status
        .exit_status()
        .or(status.terminating_signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
