//! Many containers at once: a supervisor each, a line for each as it is ready.

use std::io::Read;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde::Serialize;

use crate::cgroup;
use crate::cli::Globals;
use crate::error::{Context, Error, Result};
use crate::report;
use crate::spec;
use crate::supervise::Request;
use crate::supervise::spawn::{self, Pending};

/// How many are in the making at the same time: beyond the machine's processors it only costs
/// memory.
const WINDOW: usize = 64;

/// `run --supervise --batch FILE` (`-`: standard input). The list is read whole before anything
/// is made; after that each failure is the container's own.
pub fn run(globals: &Globals, file: &Path, hold: bool) -> Result<u8> {
    let list: Vec<Request> = spec::parse_json(&read(file)?, "read batch")?;
    if !rustix::process::geteuid().is_root() {
        cgroup::settle()?;
    }
    let mut waiting: Vec<(usize, Pending)> = Vec::new();
    for (index, request) in list.iter().enumerate() {
        if waiting.len() == WINDOW {
            take_ready(&mut waiting, &list)?;
        }
        let request = Request {
            hold,
            ..request.clone()
        };
        match spawn::spawn(globals, &request, &mut waiting) {
            Ok(pending) => waiting.push((index, pending)),
            Err(error) => print(&request.id, Err(error)),
        }
    }
    while !waiting.is_empty() {
        take_ready(&mut waiting, &list)?;
    }
    Ok(0)
}

/// Waits until at least one has reported, and prints those that have.
fn take_ready(waiting: &mut Vec<(usize, Pending)>, list: &[Request]) -> Result<()> {
    let mut fds: Vec<PollFd<'_>> = waiting
        .iter()
        .map(|(_, pending)| PollFd::new(pending, PollFlags::IN))
        .collect();
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno).at("wait for supervisors", ""),
    }
    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    for position in (0..ready.len()).rev().filter(|position| ready[*position]) {
        let (index, pending) = waiting.swap_remove(position);
        print(&list[index].id, pending.wait());
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file).at("read batch", file.display().to_string());
    }
    let mut text = Vec::new();
    std::io::stdin()
        .read_to_end(&mut text)
        .at("read batch", "standard input")?;
    Ok(text)
}

fn print(id: &str, result: Result<i32>) {
    let line = match result {
        Ok(pid) => Line {
            id,
            pid: Some(pid),
            error: None,
        },
        Err(error) => Line {
            id,
            pid: None,
            error: Some(error),
        },
    };
    report::line(&line);
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}
