//! Makes supervisors: one process for each container, which reports once and then stays.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::cli::Globals;
use crate::error::{Context, Error, Result};
use crate::supervise::{Request, life};
use crate::sys::{descriptor, memory, process};

/// What a supervisor says to the one who waits for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Report {
    /// The container is created (and started): the pid of its init.
    Pid(i32),
    Error(Error),
}

/// A supervisor that has not reported yet.
pub struct Pending(File);

/// Forks a supervisor for `request`. `others` are those made before: the new one must not hold
/// their descriptors.
pub fn spawn(
    globals: &Globals,
    request: &Request,
    others: &mut Vec<(usize, Pending)>,
) -> Result<Pending> {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).at("make pipe", "")?;
    match process::clone3(0, None).at("fork supervisor", request.id.as_str())? {
        Some(_child) => Ok(Pending(File::from(read))),
        None => {
            drop(read);
            others.clear();
            be_supervisor(globals, request, write)
        }
    }
}

impl Pending {
    /// Waits for the report: the pid of the container's init.
    pub fn wait(mut self) -> Result<i32> {
        let mut text = Vec::new();
        self.0
            .read_to_end(&mut text)
            .at("wait for the supervisor", "")?;
        match serde_json::from_slice(&text) {
            Ok(Report::Pid(pid)) => Ok(pid),
            Ok(Report::Error(error)) => Err(error),
            Err(_) => Err(Error::new(
                "wait for the supervisor",
                "",
                "it ended before the container was ready",
            )
            .hint("the kernel's log (dmesg) says if it was killed for memory")),
        }
    }
}

impl AsFd for Pending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The rest of the new process's life.
fn be_supervisor(globals: &Globals, request: &Request, report: OwnedFd) -> ! {
    let mut report = File::from(report);
    let built = detach().and_then(|()| life::begin(globals, request.clone()));
    let text = match &built {
        Ok(supervisor) => {
            serde_json::to_vec(&Report::Pid(supervisor.run.init.as_raw_nonzero().get()))
        }
        Err(error) => serde_json::to_vec(&Report::Error(error.clone())),
    };
    // Who asked may be gone: the container stays.
    let _ = report.write_all(&text.unwrap_or_default());
    drop(report);
    let ended = built.and_then(|supervisor| {
        // Who is held has its start before it, and gives its memory back after that.
        if supervisor.run.started_at.is_some() {
            memory::release();
        }
        supervisor.run()
    });
    if let Err(error) = &ended {
        crate::log::error(error);
    }
    process::exit(i32::from(ended.is_err()))
}

/// Leaves the caller's session, directory and descriptors.
fn detach() -> Result<()> {
    rustix::process::setsid().at("begin session", "")?;
    rustix::process::chdir("/").at("change directory", "/")?;
    descriptor::close_inherited()?;
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).at("become subreaper", "")
}
