//! A container that stands still for a while, and goes on whatever happens to who asked for it.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, setsid, waitpid,
};

use crate::cgroup::Cgroups;
use crate::error::{Context, Result};
use crate::sys::fork;

/// A frozen container. A guard process thaws it when this process dies before `end`.
pub struct Pause {
    cgroups: Cgroups,
    guard: Pid,
}

impl Pause {
    /// Freezes everything in it. Call it while the process has a single thread.
    pub fn begin(cgroups: Cgroups) -> Result<Self> {
        let me = pidfd_open(getpid(), PidfdFlags::empty()).at("open process", "itself")?;
        // Before the freezing: there is no moment without a guard.
        let guard = fork::fork(|| {
            // Ctrl-C is for whoever started this, not for the guard.
            let _ = setsid();
            let mut wait = [PollFd::new(&me, PollFlags::IN)];
            while poll(&mut wait, None) == Err(Errno::INTR) {}
            u8::from(cgroups.thaw().is_err())
        })?;
        let pause = Self { cgroups, guard };
        match pause.cgroups.freeze() {
            Ok(()) => Ok(pause),
            Err(error) => {
                pause.dismiss();
                Err(error)
            }
        }
    }

    pub fn end(self) -> Result<()> {
        let thawed = self.cgroups.thaw();
        self.dismiss();
        thawed
    }

    fn dismiss(&self) {
        // It may have been killed by somebody: what counts is that nothing of it is left.
        let _ = kill_process(self.guard, Signal::KILL);
        let _ = waitpid(Some(self.guard), WaitOptions::empty());
    }
}
