//! Who the command is: ids, capabilities, no_new_privs. `exec` uses it too.

use crate::error::{Context, Error, Result};
use crate::log;
use crate::spec::process::Process;
use crate::sys::process::{self as sys, prctl};

use super::namespaces::unmapped;

/// Ids of a process, numbers only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// Sets of capabilities as bit masks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CapabilitySets {
    pub bounding: u64,
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub ambient: u64,
}

impl CapabilitySets {
    /// Those of config.json; absent: none at all. A name that this kernel lacks is passed over.
    pub fn of(process: &Process) -> Result<Self> {
        let Some(sets) = &process.capabilities else {
            return Ok(Self::default());
        };
        Ok(Self {
            bounding: mask("bounding", &sets.bounding)?,
            effective: mask("effective", &sets.effective)?,
            permitted: mask("permitted", &sets.permitted)?,
            inheritable: mask("inheritable", &sets.inheritable)?,
            ambient: mask("ambient", &sets.ambient)?,
        })
    }
}

/// Gives up everything that `sets` and `ids` do not say, for good. `seccomp` is installed as late
/// as it can be: at the end with no_new_privs, else while there still is the right to.
pub fn apply(
    ids: &Ids,
    sets: &CapabilitySets,
    no_new_privileges: bool,
    seccomp: impl FnOnce() -> Result<()>,
) -> Result<()> {
    drop_bounding(sets.bounding)?;
    prctl(libc::PR_SET_KEEPCAPS, 1, 0).at("keep capabilities", "")?;
    set_groups(&ids.groups)?;
    sys::set_gid(ids.gid)
        .at("set group", ids.gid.to_string())
        .map_err(unmapped)?;
    sys::set_uid(ids.uid)
        .at("set user", ids.uid.to_string())
        .map_err(unmapped)?;
    if no_new_privileges {
        prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).at("set no_new_privs", "")?;
        set_capabilities(sets)?;
        seccomp()
    } else {
        // Other runtimes do the same: without no_new_privs only CAP_SYS_ADMIN may.
        let all = sys::capabilities().at("read capabilities", "")?;
        sys::set_capabilities(sys::Capabilities {
            effective: all.permitted,
            ..all
        })
        .at("raise capabilities", "")?;
        seccomp()?;
        set_capabilities(sets)
    }
}

/// Removes everything else from the bounding set; the kernel says where its list ends.
pub fn drop_bounding(keep: u64) -> Result<()> {
    for number in 0..64u64 {
        if keep & 1 << number != 0 {
            continue;
        }
        match prctl(libc::PR_CAPBSET_DROP, number, 0) {
            Ok(_) => {}
            Err(rustix::io::Errno::INVAL) => break,
            Err(errno) => return Err(Error::os("drop capability", number.to_string(), errno)),
        }
    }
    Ok(())
}

fn set_groups(groups: &[u32]) -> Result<()> {
    match sys::set_groups(groups) {
        Err(rustix::io::Errno::PERM) => {
            if !groups.is_empty() {
                log::warn(
                    "supplementary groups are not set: this user namespace does not allow it",
                );
            }
            Ok(())
        }
        other => other
            .at("set groups", format!("{groups:?}"))
            .map_err(unmapped),
    }
}

fn set_capabilities(sets: &CapabilitySets) -> Result<()> {
    let own = sys::capabilities().at("read capabilities", "")?;
    // What this process lacks itself (root of a container, some hosts) cannot be given.
    let permitted = sets.permitted & own.permitted;
    sys::set_capabilities(sys::Capabilities {
        permitted,
        effective: sets.effective & permitted,
        inheritable: sets.inheritable & (permitted | own.inheritable),
    })
    .at("set capabilities", "")?;
    for number in (0..64u64).filter(|number| sets.ambient & 1 << number != 0) {
        if let Err(errno) = prctl(
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE as u64,
            number,
        ) {
            log::warn(&format!("ambient capability {number} is not set: {errno}"));
        }
    }
    Ok(())
}

fn mask(set: &str, names: &[String]) -> Result<u64> {
    let mut mask = 0;
    for name in names {
        match NAMES
            .iter()
            .position(|known| name.strip_prefix("CAP_") == Some(known))
        {
            Some(number) => mask |= 1 << number,
            None if name.starts_with("CAP_") => log::warn(&format!(
                "process.capabilities.{set}: {name} is not known here"
            )),
            None => {
                return Err(Error::new(
                    "check bundle",
                    format!("process.capabilities.{set}"),
                    format!("`{name}` is no capability"),
                ));
            }
        }
    }
    Ok(mask)
}

/// In the kernel's order.
#[rustfmt::skip]
pub const NAMES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
    "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        assert_eq!(
            mask("x", &["CAP_CHOWN".into(), "CAP_SYS_ADMIN".into()]).unwrap(),
            1 | 1 << 21
        );
        assert_eq!(
            mask("x", &["CAP_CHECKPOINT_RESTORE".into()]).unwrap(),
            1 << 40
        );
        assert!(mask("x", &["CHOWN".into()]).is_err());
    }
}
