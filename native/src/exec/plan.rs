//! What the command is to be: config.json's process, changed as the command line says.

use std::os::fd::OwnedFd;

use crate::error::{Context, Error, Result};
use crate::exec::{Request, SubCgroup};
use crate::process::capability;
use crate::seccomp::{self, Filter};
use crate::spec;
use crate::spec::linux::{MemoryPolicy, Personality};
use crate::spec::process::{ConsoleSize, Process};
use crate::spec::seccomp::Seccomp;
use crate::state::State;
use crate::terminal::{foreground, pty};

/// Looked up inside: overrides process.user.
const USER: &str = "io.pavlos.user";

/// Everything that the process inside needs to know.
pub struct Plan {
    pub process: Process,
    /// A user to look up inside, in place of `process.user`.
    pub user: Option<String>,
    /// `--user` was given: config.json's capabilities are those of somebody else.
    other_user: bool,
    /// Where the terminal's master goes instead of to the caller.
    pub console: Option<OwnedFd>,
    pub preserve_fds: u32,
    /// Groups besides those of a user that is looked up.
    pub groups: Vec<u32>,
    /// Cgroups below the container's.
    pub cgroups: Vec<SubCgroup>,
    /// The container's own.
    pub personality: Option<Personality>,
    pub memory_policy: Option<MemoryPolicy>,
    pub filter: Option<Filter>,
    /// The profile that it was compiled from.
    pub seccomp: Option<Seccomp>,
}

/// Reads the bundle and puts the request on top.
pub fn make(state: &State, request: &Request) -> Result<Plan> {
    let config = state.load_config()?;
    let mut user = request.user.clone();
    let mut process = match &request.process {
        Some(path) => {
            let subject = path.display().to_string();
            spec::parse_json(
                &std::fs::read(path).at("read process", subject)?,
                "read process",
            )?
        }
        None => {
            user = user.or_else(|| state.annotations.get(USER).cloned());
            Process {
                args: request.args.clone(),
                ..config.process.clone().unwrap_or_default()
            }
        }
    };
    // With a whole process of the caller's its own word counts.
    process.terminal = request.tty || (request.process.is_some() && process.terminal);
    if let Some(cwd) = &request.cwd {
        process.cwd.clone_from(cwd);
    }
    grant(&mut process, request)?;
    if request.user.is_some() {
        // It is the home of somebody else.
        process
            .env
            .retain(|variable| !variable.starts_with("HOME="));
    }
    if process.terminal {
        add_missing(
            &mut process.env,
            "TERM",
            std::env::var("TERM").ok().as_deref().unwrap_or("xterm"),
        );
        // The size that a whole process brings is meant as it is.
        let given = process.console_size.filter(|_| request.process.is_some());
        process.console_size = given.or_else(console_size).or(process.console_size);
    }
    for variable in &request.env {
        set(&mut process.env, variable);
    }
    let console = request
        .console_socket
        .as_deref()
        .map(pty::connect)
        .transpose()?;
    if process.terminal && request.detach && console.is_none() {
        return Err(Error::new(
            "exec",
            state.id.as_str(),
            "nobody would hold the terminal of a detached command",
        )
        .hint("leave out --tty, or give --console-socket"));
    }
    let filter = config
        .linux
        .seccomp
        .as_ref()
        .map(seccomp::compile)
        .transpose()?;
    Ok(Plan {
        process,
        user,
        other_user: request.user.is_some(),
        console,
        preserve_fds: request.preserve_fds,
        groups: match request.user {
            Some(_) => request.groups.clone(),
            // They are among the process's.
            None => Vec::new(),
        },
        cgroups: request.cgroups.clone(),
        personality: config.linux.personality,
        memory_policy: config.linux.memory_policy,
        filter,
        seccomp: config.linux.seccomp,
    })
}

/// What the options give on top.
fn grant(process: &mut Process, request: &Request) -> Result<()> {
    for name in &request.capabilities {
        if capability::number(name).is_none() {
            let reason = format!("{name:?} is no capability");
            return Err(Error::new("read command line", "--cap", reason));
        }
    }
    if !request.capabilities.is_empty() {
        let sets = process.capabilities.get_or_insert_default();
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            set.extend(request.capabilities.iter().cloned());
        }
        // As runc does: only what is inheritable can be ambient, and that the option does not change.
        if !sets.inheritable.is_empty() {
            sets.ambient.extend(request.capabilities.iter().cloned());
        }
    }
    process.user.additional_gids.extend(&request.groups);
    process.no_new_privileges |= request.no_new_privileges;
    if request.apparmor_profile.is_some() {
        process
            .apparmor_profile
            .clone_from(&request.apparmor_profile);
    }
    if request.selinux_label.is_some() {
        process.selinux_label.clone_from(&request.selinux_label);
    }
    Ok(())
}

impl Plan {
    /// The process as this user runs it. Root has the whole bounding set, everybody else only what
    /// is ambient: the capabilities of config.json's own user are no gift to another.
    pub fn process_of(&self, uid: u32) -> Process {
        let mut process = self.process.clone();
        if let (true, Some(sets)) = (self.other_user, &mut process.capabilities) {
            let (own, handed_on) = match uid {
                0 => (sets.bounding.clone(), Vec::new()),
                _ => (sets.ambient.clone(), sets.ambient.clone()),
            };
            sets.effective.clone_from(&own);
            sets.permitted = own;
            sets.inheritable.clone_from(&handed_on);
            sets.ambient = handed_on;
        }
        process
    }
}

fn console_size() -> Option<ConsoleSize> {
    foreground::window().map(|size| ConsoleSize {
        height: size.ws_row,
        width: size.ws_col,
    })
}

fn add_missing(env: &mut Vec<String>, name: &str, value: &str) {
    if !env.iter().any(|variable| named(variable, name)) {
        env.push(format!("{name}={value}"));
    }
}

fn set(env: &mut Vec<String>, variable: &str) {
    let name = variable.split('=').next().unwrap_or(variable);
    env.retain(|known| !named(known, name));
    env.push(variable.to_owned());
}

fn named(variable: &str, name: &str) -> bool {
    variable
        .strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('='))
}
