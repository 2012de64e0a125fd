//! `pavlosc features`: what this binary supports, as the runtime specification wants it written.

use serde_json::{Value, json};

use crate::cli::{Globals, usage};
use crate::error::{Error, Result};
use crate::process::capability;
use crate::state::OCI_VERSION;

pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    if let Some(arg) = args.next().map_err(usage)? {
        return Err(usage(arg.unexpected()));
    }
    let text = serde_json::to_string_pretty(&document())
        .map_err(|error| Error::new("print features", "", error.to_string()))?;
    println!("{text}");
    Ok(0)
}

fn document() -> Value {
    let capabilities: Vec<String> = capability::NAMES
        .iter()
        .map(|name| format!("CAP_{name}"))
        .collect();
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": OCI_VERSION,
        "hooks": HOOKS,
        "mountOptions": MOUNT_OPTIONS,
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
            "capabilities": capabilities,
            "cgroup": {"v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true},
            "seccomp": {
                "enabled": true,
                "actions": ACTIONS,
                "operators": OPERATORS,
                "archs": ARCHITECTURES,
                "knownFlags": FLAGS,
                "supportedFlags": FLAGS,
            },
            "apparmor": {"enabled": true},
            "selinux": {"enabled": true},
            "intelRdt": {"enabled": false},
            "mountExtensions": {"idmap": {"enabled": true}},
            "memoryPolicy": {"modes": MEMORY_MODES, "flags": MEMORY_FLAGS},
            "netDevices": {"enabled": true},
        },
        "annotations": {"io.pavlos.version": env!("CARGO_PKG_VERSION")},
    })
}

#[rustfmt::skip]
const HOOKS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Those that are no filesystem's own.
#[rustfmt::skip]
const MOUNT_OPTIONS: &[&str] = &[
    "async", "atime", "auto", "bind", "defaults", "dev", "diratime", "exec", "idmap", "loud", "noatime",
    "noauto", "nodev", "nodiratime", "noexec", "nolazytime", "nomand", "norelatime", "nostrictatime",
    "nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "rexec",
    "ridmap",
    "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid",
    "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime",
    "rsuid", "rsymfollow", "runbindable", "rw", "shared", "slave", "strictatime", "suid", "symfollow",
    "tmpcopyup",
    "unbindable", "user", "_netdev",
];

#[rustfmt::skip]
const MEMORY_MODES: [&str; 7] = [
    "MPOL_BIND", "MPOL_DEFAULT", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED",
    "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE",
];

const MEMORY_FLAGS: [&str; 3] = [
    "MPOL_F_NUMA_BALANCING",
    "MPOL_F_RELATIVE_NODES",
    "MPOL_F_STATIC_NODES",
];

const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

const OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

const ARCHITECTURES: [&str; 5] = [
    "SCMP_ARCH_AARCH64",
    "SCMP_ARCH_ARM",
    "SCMP_ARCH_X32",
    "SCMP_ARCH_X86",
    "SCMP_ARCH_X86_64",
];

const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::options::Options;
    use crate::spec::linux::NamespaceKind;
    use crate::spec::seccomp::{Action, Arch, Flag, Operator};

    fn are<T: serde::de::DeserializeOwned>(names: &[&str]) {
        for name in names {
            assert!(serde_json::from_value::<T>(json!(name)).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_named_is_understood() {
        are::<Action>(&ACTIONS);
        are::<Operator>(&OPERATORS);
        are::<Arch>(&ARCHITECTURES);
        are::<Flag>(&FLAGS);
        let namespaces = document()["linux"]["namespaces"].clone();
        assert!(serde_json::from_value::<Vec<NamespaceKind>>(namespaces).is_ok());
        for &option in MOUNT_OPTIONS {
            let parsed = Options::parse(&[option.to_owned()]);
            assert!(parsed.data.is_empty(), "{option} is a filesystem's");
        }
    }
}
