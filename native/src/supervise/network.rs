//! A container's own network, which outlives its runs: addresses, ports and what others know of
//! it stay while the supervisor starts it again.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use crate::spec::Config;
use crate::spec::linux::NamespaceKind;

/// A network namespace that is held open.
pub struct Network(File);

impl Network {
    /// Of a container that has just been made. None: it has no network of its own, or one that
    /// only its own user namespace may enter; that one is made anew with each run.
    pub fn of(config: &Config, pid: i32) -> Option<Self> {
        let own = config.linux.is_new(NamespaceKind::Network)
            && !config.linux.is_new(NamespaceKind::User);
        own.then(|| File::open(format!("/proc/{pid}/ns/net")).ok())
            .flatten()
            .map(Self)
    }

    /// Where this process and its children find it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.0.as_raw_fd()
        ))
    }
}
