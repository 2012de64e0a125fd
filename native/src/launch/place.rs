//! The container's cgroups as its creator prepares them: made before init, or by systemd around it.

use super::{Request, plan};
use crate::cgroup::{self, Cgroups};
use crate::error::Result;
use crate::spec::Config;

/// Where the container goes: by whom its cgroups are made, and when.
pub enum Place {
    Made(Cgroups),
    /// systemd makes it around a process that is there.
    Unit(cgroup::Unit),
}

impl Place {
    pub fn prepare(request: &Request, config: &Config) -> Result<Self> {
        let asked = wanted(request, config);
        match request.cgroups {
            cgroup::Manager::Cgroupfs => {
                Cgroups::create(&asked, config.linux.resources.as_ref()).map(Self::Made)
            }
            cgroup::Manager::Systemd => asked.unit().map(Self::Unit),
        }
    }

    /// What an init with its parent's ids has to wait for.
    pub fn admission(&self, born_in_v2: bool) -> plan::Admission {
        match self {
            Self::Made(cgroups) if born_in_v2 && cgroups.only_v2() => plan::Admission::None,
            Self::Made(_) | Self::Unit(_) => plan::Admission::Cgroups,
        }
    }

    /// Puts what is made where it is undone after an error; what is still to be made comes back.
    pub fn keep(self, made: &mut Option<Cgroups>) -> Option<cgroup::Unit> {
        match self {
            Self::Made(cgroups) => {
                *made = Some(cgroups);
                None
            }
            Self::Unit(unit) => Some(unit),
        }
    }
}

pub fn wanted<'a>(request: &Request<'a>, config: &'a Config) -> cgroup::Request<'a> {
    cgroup::Request {
        path: config.linux.cgroups_path.as_deref(),
        id: request.id,
        rootless: cgroup::unprivileged(),
        annotations: &config.annotations,
    }
}
