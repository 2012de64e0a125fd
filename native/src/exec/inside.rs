//! The process inside, on its way to being the command.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::termios::Winsize;

use crate::error::{Context, Result};
use crate::exec::{join::Ends, plan::Plan};
use crate::launch::channel::{Channel, Message};
use crate::process::{account, attributes, identity, memory, program};
use crate::root::RootFd;
use crate::spec::process::ConsoleSize;
use crate::sys::{process, signal};
use crate::terminal::{foreground::Stdio, pty};
use crate::user::User;

/// Becomes the command, or tells the caller why not.
pub fn run(plan: &Plan, ends: Ends) -> ! {
    let Ends { channel, stdio } = ends;
    let error = match set_up(plan, &channel, stdio) {
        Ok(env) => program::execute(&plan.process.args, &env),
        Err(error) => error,
    };
    // The caller hears of a closed socket too.
    let _ = channel.send(&Message::Failed(error), None);
    process::exit(1)
}

/// Everything up to the execution; the command's environment.
fn set_up(plan: &Plan, channel: &Channel, stdio: Stdio) -> Result<Vec<String>> {
    let root = RootFd::open_host(Path::new("/"))?;
    let mut user = account::find(&root, &plan.process, plan.user.as_deref())?;
    user.groups.extend(&plan.groups);
    let env = account::environment(&plan.process.env, &user);
    if let Some(personality) = &plan.personality {
        attributes::personality(personality)?;
    }
    if let Some(policy) = &plan.memory_policy {
        memory::set(policy)?;
    }
    if plan.process.terminal {
        take_terminal(plan, channel, &user)?;
    } else {
        take_stdio(stdio)?;
        rustix::process::setsid().at("begin session", "")?;
        channel.send(&Message::Ready, None)?;
    }
    channel.wait_for_go()?;
    signal::unblock_all();
    process::close_range_on_exec(3 + plan.preserve_fds).at("close descriptors", "")?;
    let process = plan.process_of(user.uid);
    if let Some(listener) = identity::assume(&process, &user, plan.filter.as_ref(), || Ok(()))? {
        channel.send(&Message::Listener, Some(listener.as_fd()))?;
    }
    Ok(env)
}

/// A pty of the container; its other end goes to whoever relays it.
fn take_terminal(plan: &Plan, channel: &Channel, user: &User) -> Result<()> {
    let pty = pty::open()?;
    if let Some(ConsoleSize { height, width }) = plan.process.console_size {
        let size = Winsize {
            ws_row: height,
            ws_col: width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        pty::resize(pty.master.as_fd(), size)?;
    }
    pty::claim(pty.terminal, user.uid)?;
    match &plan.console {
        Some(socket) => {
            pty::send(socket.as_fd(), pty.master.as_fd())?;
            channel.send(&Message::Ready, None)
        }
        None => channel.send(&Message::Ready, Some(pty.master.as_fd())),
    }
}

/// Descriptors that are given replace the caller's; the others stay.
fn take_stdio(stdio: Stdio) -> Result<()> {
    let [input, output, error] = stdio;
    if let Some(fd) = input {
        rustix::stdio::dup2_stdin(fd).at("set standard input", "")?;
    }
    if let Some(fd) = output {
        rustix::stdio::dup2_stdout(fd).at("set standard output", "")?;
    }
    if let Some(fd) = error {
        rustix::stdio::dup2_stderr(fd).at("set standard error", "")?;
    }
    Ok(())
}
