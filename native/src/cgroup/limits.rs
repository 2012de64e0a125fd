//! Limits: what `linux.resources` asks for becomes a list of writes, then the list is done.

mod cpu;
mod io;
mod memory;
mod simple;

pub use cpu::{period, shares_to_weight};
pub use io::weight_v2 as io_weight;

use std::path::Path;

use super::{Cgroups, file};
use crate::error::{Error, Result};
use crate::spec::resources::Resources;

const NO_CONTROLLER_HINT: &str = "see /proc/cgroups whether the kernel has it, and cgroup.subtree_control \
    of the cgroup above whether it is enabled there";

/// One value for one file of a controller's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Write {
    /// What it does, as the step of an error: "set linux.resources.memory.limit".
    step: &'static str,
    file: String,
    value: String,
}

impl Write {
    fn new(step: &'static str, file: impl Into<String>, value: impl ToString) -> Self {
        Self {
            step,
            file: file.into(),
            value: value.to_string(),
        }
    }
}

/// A directory in which a controller's files are.
#[derive(Debug, Clone, Copy)]
enum Home<'a> {
    V1(&'a Path),
    V2(&'a Path),
}

impl<'a> Home<'a> {
    fn directory(self) -> &'a Path {
        match self {
            Self::V1(directory) | Self::V2(directory) => directory,
        }
    }

    fn has(self, name: &str) -> bool {
        self.directory().join(name).exists()
    }

    fn read(self, name: &str) -> Result<String> {
        file::read(&self.directory().join(name))
    }

    fn number(self, name: &str) -> Result<u64> {
        file::read_number(&self.directory().join(name))
    }

    fn write(self, write: &Write) -> Result<()> {
        file::write(&self.directory().join(&write.file), &write.value).map_err(|mut error| {
            error.step = write.step.into();
            error
        })
    }

    fn write_all(self, writes: &[Write]) -> Result<()> {
        writes.iter().try_for_each(|write| self.write(write))
    }
}

/// Sets everything but the device rules.
pub fn set(cgroups: &Cgroups, resources: &Resources) -> Result<()> {
    if let Some(memory) = &resources.memory {
        memory::set(cgroups, memory)?;
    }
    if let Some(cpu) = &resources.cpu {
        cpu::set(cgroups, cpu)?;
        cpu::set_cpuset(cgroups, cpu)?;
    }
    if let Some(block_io) = &resources.block_io {
        io::set(cgroups, block_io)?;
    }
    simple::set(cgroups, resources)
}

/// The directory of a controller; the error says why there is none.
fn home<'a>(
    cgroups: &'a Cgroups,
    controller: &'static str,
    step: &'static str,
) -> Result<Home<'a>> {
    if let Some(directory) = cgroups.v1(controller) {
        return Ok(Home::V1(directory));
    }
    // v2 calls the block device controller otherwise.
    let name = if controller == "blkio" {
        "io"
    } else {
        controller
    };
    let hint = if super::unprivileged() {
        super::DELEGATION_HINT
    } else {
        NO_CONTROLLER_HINT
    };
    let missing = |reason: String| {
        Err(Error::new(step, format!("cgroup controller {name}"), reason).hint(hint))
    };
    let Some(directory) = cgroups.v2() else {
        return missing("no cgroup with it can be written".to_owned());
    };
    let enabled = file::read(&directory.join("cgroup.controllers"))?;
    if enabled.split(' ').any(|enabled| enabled == name) {
        return Ok(Home::V2(directory));
    }
    missing(format!("it is not enabled in {}", directory.display()))
}

/// The error for a value that is wrong by itself.
fn wrong(field: &'static str, reason: impl Into<String>) -> Error {
    Error::new("check linux.resources", field, reason)
}
