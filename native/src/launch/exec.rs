//! The last steps: session, rights, working directory, and the command itself.

use std::convert::Infallible;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::channel::Message;
use super::init::Init;
use super::plan;
use crate::error::{Context, Error, Result};
use crate::process::{account, attributes, identity, memory, program};
use crate::seccomp;
use crate::sys;

/// An own session: the caller's terminal, if any, is not the command's to write into.
pub fn session(init: &Init) -> Result<()> {
    match rustix::process::setsid() {
        // A leader already.
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(Error::os("make session", "", errno)),
    }
    if let Some(terminal) = &init.terminal {
        sys::process::set_controlling_terminal(terminal).at("take terminal", "")?;
    }
    Ok(())
}

/// Becomes the command.
pub fn exec(init: &mut Init) -> Result<Infallible> {
    let Some(process) = init.config.process.clone() else {
        return Err(Error::new(
            "start command",
            "process",
            "is missing: there is nothing to start",
        ));
    };
    let wanted = init.config.annotations.get(plan::USER).map(String::as_str);
    let user = account::find(init.root()?, &process, wanted)?;
    let env = account::environment(&process.env, &user);
    let filter = init.config.linux.seccomp.as_ref();
    let filter = filter.map(seccomp::compile).transpose()?;
    if let Some(personality) = &init.config.linux.personality {
        attributes::personality(personality)?;
    }
    if let Some(policy) = &init.config.linux.memory_policy {
        memory::set(policy)?;
    }
    attributes::set(&process, &mut init.writer())?;
    match &init.terminal {
        None => standard_descriptors(init)?,
        Some(terminal) => {
            let owner = Some(rustix::fs::Uid::from_raw(user.uid));
            // In a user namespace the terminal may belong to an id without a mapping.
            let _ = rustix::fs::fchown(terminal, owner, None);
        }
    }
    sys::signal::unblock_all();
    // The filter may forbid it.
    sys::process::close_range_on_exec(3 + init.request.preserve_fds).at("close descriptors", "")?;
    let settle = || init.live_with_parent();
    let listener = identity::assume(&process, &user, filter.as_ref(), settle)?;
    if let Some(listener) = listener {
        init.channel
            .send(&Message::Listener, Some(listener.as_fd()))?;
    }
    Err(program::execute(&process.args, &env))
}

/// The command's 0, 1 and 2.
pub fn standard_descriptors(init: &Init) -> Result<()> {
    let [input, output, error] = init.stdio();
    if let Some(input) = input {
        rustix::stdio::dup2_stdin(input).at("set standard input", "")?;
    }
    if let Some(output) = output {
        rustix::stdio::dup2_stdout(output).at("set standard output", "")?;
    }
    if let Some(error) = error {
        rustix::stdio::dup2_stderr(error).at("set standard error", "")?;
    }
    Ok(())
}
