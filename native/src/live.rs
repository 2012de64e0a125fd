//! Changes in containers that run: mounts and devices. For each container a child process enters
//! its namespaces and does all that is asked for there, one answer a piece.

pub mod devices;
mod enter;
mod holders;
pub mod hostname;
pub mod links;
pub mod mounts;
mod rules;
mod table;
mod tree;
mod umount;

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Context, Error, Result};
use crate::live::holders::Holder;
use crate::report;
use crate::spec;
use crate::state::{State, Status};
use crate::sys::fork;
use crate::userns;

/// Something that is asked for of one container.
pub trait Request: DeserializeOwned {
    fn id(&self) -> &str;
    /// What the answer calls it: the path inside.
    fn subject(&self) -> Option<&Path>;
}

/// Why it was not done.
#[derive(Debug)]
pub struct Failure {
    pub error: Box<Error>,
    /// Processes that use what was to be removed: nothing else stands in the way.
    pub holders: Vec<Holder>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error: Box::new(error),
            holders: Vec::new(),
        }
    }
}

pub type Outcome = std::result::Result<(), Failure>;

/// A container as the child process needs to know it.
pub struct Target<'a> {
    pub state: &'a State,
    pub init: std::os::fd::OwnedFd,
}

/// Reads a JSON list from standard input and has `serve` do it, container by container, in order;
/// prints a line for each request. The exit code: 1 when one failed.
pub fn run<R: Request>(
    root: &Path,
    serve: impl Fn(&Target<'_>, &[(usize, R)], &mut dyn FnMut(usize, Outcome)) -> Result<()>,
) -> Result<u8> {
    let mut text = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut text)
        .at("read requests", "standard input")?;
    let requests: Vec<R> = spec::parse_json(&text, "read requests")?;
    let mut code = 0;
    for (id, group) in by_container(requests) {
        code |= one(root, &id, &group, &serve)?;
    }
    Ok(code)
}

fn by_container<R: Request>(requests: Vec<R>) -> Vec<(String, Vec<(usize, R)>)> {
    let mut groups: Vec<(String, Vec<(usize, R)>)> = Vec::new();
    for (index, request) in requests.into_iter().enumerate() {
        match groups.iter_mut().find(|(id, _)| id == request.id()) {
            Some((_, group)) => group.push((index, request)),
            None => groups.push((request.id().to_owned(), vec![(index, request)])),
        }
    }
    groups
}

fn one<R: Request>(
    root: &Path,
    id: &str,
    group: &[(usize, R)],
    serve: impl Fn(&Target<'_>, &[(usize, R)], &mut dyn FnMut(usize, Outcome)) -> Result<()>,
) -> Result<u8> {
    let refuse = |error: &Error| {
        for (index, request) in group {
            print(*index, request, Err(error.clone().into()));
        }
        Ok(1)
    };
    let state = match State::load(root, id).and_then(running) {
        Ok(state) => state,
        Err(error) => return refuse(&error),
    };
    let Some(init) = state.init().open() else {
        return refuse(&stopped(id));
    };
    let target = Target {
        state: &state,
        init,
    };
    let pid = fork::fork(|| {
        let mut answered = Vec::new();
        let mut code = 0;
        let done = serve(&target, group, &mut |position, outcome| {
            let (index, request) = &group[position];
            code |= u8::from(outcome.is_err());
            answered.push(position);
            print(*index, request, outcome);
        });
        if let Err(error) = done {
            code = 1;
            for (position, (index, request)) in group.iter().enumerate() {
                if !answered.contains(&position) {
                    print(*index, request, Err(error.clone().into()));
                }
            }
        }
        code
    })?;
    userns::wait(pid)
}

fn running(state: State) -> Result<State> {
    match state.status() {
        Status::Stopped => Err(stopped(&state.id)),
        _ => Ok(state),
    }
}

fn stopped(id: &str) -> Error {
    Error::new("change container", id, "the container is stopped")
        .hint("only one that runs can be changed; start it again")
}

fn print<R: Request>(index: usize, request: &R, outcome: Outcome) {
    #[derive(Serialize)]
    struct Line<'a> {
        index: usize,
        id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<&'a Path>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        holders: Vec<Holder>,
    }
    let (error, holders) = match outcome {
        Ok(()) => (None, Vec::new()),
        Err(failure) => (Some(*failure.error), failure.holders),
    };
    report::line(&Line {
        index,
        id: request.id(),
        target: request.subject(),
        error,
        holders,
    });
}
