//! Who may use which device. Only a process in the first user namespace can say so, and this one
//! leaves it for the container's: a child that stays behind does it when it is told to.

use rustix::process::{Pid, WaitOptions, waitpid};

use crate::cgroup::Cgroups;
use crate::error::{Error, Result};
use crate::launch::channel::{Channel, Message};
use crate::spec::resources::DeviceRule;
use crate::sys::fork;

pub struct Setter {
    /// None: closed, so that the child ends.
    channel: Option<Channel>,
    pid: Pid,
}

impl Setter {
    /// Ready to set `rules`; nothing is set yet.
    pub fn new(cgroups: &Cgroups, rules: &[DeviceRule]) -> Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        let mut pair = Some((ours, theirs));
        let pid = fork::fork(|| {
            let Some((ours, theirs)) = pair.take() else {
                return 1;
            };
            drop(ours);
            // Not told to: somebody has failed before.
            if theirs.wait_for_go().is_err() {
                return 0;
            }
            let message = match cgroups.change_devices(rules) {
                Ok(()) => Message::Ready,
                Err(error) => Message::Failed(error),
            };
            u8::from(theirs.send(&message, None).is_err())
        })?;
        match pair {
            Some((channel, _)) => Ok(Self {
                channel: Some(channel),
                pid,
            }),
            None => Err(Error::new("set device rules", "", "no channel")),
        }
    }

    pub fn set(&self) -> Result<()> {
        let Some(channel) = &self.channel else {
            return Ok(());
        };
        channel.send(&Message::Go, None)?;
        match channel.receive()? {
            Some((Message::Ready, _)) => Ok(()),
            Some((Message::Failed(error), _)) => Err(error),
            _ => Err(Error::new(
                "set device rules",
                "",
                "the child process ended",
            )),
        }
    }
}

impl Drop for Setter {
    fn drop(&mut self) {
        self.channel = None;
        // It ends by itself now; an interrupted wait leaves nothing behind, for this process ends too.
        let _ = waitpid(Some(self.pid), WaitOptions::empty());
    }
}
