//! `pavlosc spec`: an example config.json in the current directory.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use lexopt::prelude::*;
use serde_json::{Value as Json, json};

use crate::cli::{Globals, usage};
use crate::error::{Context, Error, Result};
use crate::state::OCI_VERSION;

/// With `--rootless` in a user namespace where the caller is root.
pub fn run(_globals: &Globals, mut args: lexopt::Parser) -> Result<u8> {
    let (mut rootless, mut bundle) = (false, PathBuf::new());
    while let Some(arg) = args.next().map_err(usage)? {
        match arg {
            Long("rootless") => rootless = true,
            Long("bundle") | Short('b') => bundle = args.value().map_err(usage)?.into(),
            other => return Err(usage(other.unexpected())),
        }
    }
    let path = bundle.join("config.json");
    let subject = path.display().to_string();
    let text = serde_json::to_string_pretty(&example(rootless))
        .map_err(|error| Error::new("write config", subject.clone(), error.to_string()))?;
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = match opened {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::new("write config", subject, "it exists already")
                .hint("remove it first, or work in another directory"));
        }
        other => other.at("write config", subject.clone())?,
    };
    writeln!(file, "{text}").at("write config", subject)?;
    Ok(0)
}

/// A shell on the terminal, in a root beside the file that nothing can change.
fn example(rootless: bool) -> Json {
    let mut namespaces = vec!["pid", "ipc", "uts", "mount", "cgroup"];
    namespaces.push(if rootless { "user" } else { "network" });
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    let mut config = json!({
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": true,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": true,
        },
        "root": {"path": "rootfs", "readonly": true},
        "hostname": "pavlosc",
        "mounts": mounts(rootless),
        "linux": {
            "namespaces": namespaces.iter().map(|kind| json!({"type": kind})).collect::<Json>(),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    });
    if rootless {
        let map = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
        config["linux"]["uidMappings"] = map(rustix::process::geteuid().as_raw());
        config["linux"]["gidMappings"] = map(rustix::process::getegid().as_raw());
    } else {
        config["linux"]["resources"] = json!({"devices": [{"allow": false, "access": "rwm"}]});
    }
    config
}

fn mounts(rootless: bool) -> Json {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": options});
    // A single id cannot give terminals to the group tty, and the host's sysfs can only be shown
    // where the network is the host's.
    let mut devpts = vec![
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
    ];
    if !rootless {
        devpts.push("gid=5");
    }
    let sys = if rootless {
        json!({"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]})
    } else {
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"])
    };
    let mut list = json!([
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"]
        ),
        mount("/dev/pts", "devpts", &devpts),
        mount(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
        ),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        sys,
    ]);
    if let (false, Some(list)) = (rootless, list.as_array_mut()) {
        list.push(mount(
            "/sys/fs/cgroup",
            "cgroup",
            &["nosuid", "noexec", "nodev", "relatime", "ro"],
        ));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Config, parse_json};

    #[test]
    fn the_example_is_a_valid_configuration() {
        for rootless in [false, true] {
            let text = example(rootless).to_string();
            let config: Config = parse_json(text.as_bytes(), "read").unwrap();
            assert_eq!(config.linux.uid_mappings.len(), usize::from(rootless));
        }
    }
}
