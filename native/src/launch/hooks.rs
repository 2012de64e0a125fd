//! OCI hooks: programs of the host that get the state on standard input.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::log;
use crate::spec::config::Hook;
use crate::state::{State, Status};

/// What a failing hook means: an error, or (poststart, poststop) a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Fails,
    Warns,
}

/// Runs the hooks one after another.
pub fn run(hooks: &[Hook], state: &State, status: Status, failure: Failure) -> Result<()> {
    for hook in hooks {
        match (run_one(hook, state, status), failure) {
            (Err(error), Failure::Fails) => return Err(error),
            (Err(error), Failure::Warns) => log::warn(&error.to_string()),
            (Ok(()), _) => {}
        }
    }
    Ok(())
}

fn run_one(hook: &Hook, state: &State, status: Status) -> Result<()> {
    const STEP: &str = "run hook";
    let subject = hook.path.display().to_string();
    let text = serde_json::to_vec(&state.document(status))
        .map_err(|error| Error::new(STEP, subject.clone(), error.to_string()))?;
    let mut command = Command::new(&hook.path);
    if let [name, arguments @ ..] = hook.args.as_slice() {
        command.arg0(name).args(arguments);
    }
    // Without one of its own it has ours, as with other runtimes.
    if let Some(env) = &hook.env {
        command
            .env_clear()
            .envs(env.iter().filter_map(|pair| pair.split_once('=')));
        if env.is_empty() {
            // Who is given nothing of ours is not given our directory either.
            command.current_dir("/");
        }
    }
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .at(STEP, subject.clone())?;
    if let Some(mut input) = child.stdin.take() {
        // A hook that does not read its input is fine.
        let _ = input.write_all(&text);
    }
    let limit = hook
        .timeout
        .map(|seconds| Instant::now() + Duration::from_secs(seconds));
    loop {
        let ended = if limit.is_some() {
            child.try_wait().at(STEP, subject.clone())?
        } else {
            Some(child.wait().at(STEP, subject.clone())?)
        };
        match ended {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(Error::new(STEP, subject, status.to_string())),
            None if limit.is_some_and(|limit| Instant::now() > limit) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(Error::new(STEP, subject, "it took longer than its timeout"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
