//! What types cannot say: values that would fail later, less clearly.

use std::path::Path;

use super::config::Config;
use super::linux::NamespaceKind;
use crate::error::{Error, Result};

/// The configuration as it is, or the first field that cannot be.
pub fn check(config: Config) -> Result<Config> {
    if let Some(process) = &config.process {
        absolute("process.cwd", &process.cwd)?;
        if process.args.is_empty() && !config.idles() {
            return Err(wrong("process.args", "is empty: there is no command"));
        }
        for (index, text) in process.args.iter().chain(&process.env).enumerate() {
            no_nul(&format!("process.args and env[{index}]"), text)?;
        }
    }
    for (index, mount) in config.mounts.iter().enumerate() {
        no_nul(
            &format!("mounts[{index}].destination"),
            &mount.destination.to_string_lossy(),
        )?;
        if index > 0 && mount.destination == Path::new("/") {
            return Err(wrong(
                &format!("mounts[{index}].destination"),
                "the root must be the first mount",
            ));
        }
    }
    for (index, mount) in config.mounts.iter().enumerate() {
        if mount.uid_mappings.is_empty() != mount.gid_mappings.is_empty() {
            return Err(wrong(
                &format!("mounts[{index}].uidMappings"),
                "uidMappings and gidMappings come together",
            ));
        }
    }
    if config.linux.intel_rdt.is_some() {
        return Err(wrong("linux.intelRdt", "is not supported"));
    }
    check_net_devices(&config)?;
    check_namespaces(&config)?;
    check_names(&config)?;
    for (name, paths) in [
        ("maskedPaths", &config.linux.masked_paths),
        ("readonlyPaths", &config.linux.readonly_paths),
    ] {
        for (index, path) in paths.iter().enumerate() {
            absolute(&format!("linux.{name}[{index}]"), path)?;
        }
    }
    if config.root.is_none() {
        return Err(wrong("root", "is missing"));
    }
    Ok(config)
}

/// Two different names for one thing.
fn check_names(config: &Config) -> Result<()> {
    for (field, name) in [
        ("hostname", &config.hostname),
        ("domainname", &config.domainname),
    ] {
        let sysctl = config.linux.sysctl.get(&format!("kernel.{field}"));
        if let (Some(name), Some(sysctl)) = (name, sysctl)
            && name != sysctl
        {
            return Err(wrong(
                &format!("linux.sysctl.kernel.{field}"),
                &format!("`{sysctl}` contradicts {field} `{name}`"),
            ));
        }
    }
    Ok(())
}

fn check_net_devices(config: &Config) -> Result<()> {
    let devices = &config.linux.net_devices;
    if !devices.is_empty() && config.linux.namespace(NamespaceKind::Network).is_none() {
        return Err(wrong(
            "linux.netDevices",
            "there is no network namespace that they could move into",
        )
        .hint("add {\"type\": \"network\"} to linux.namespaces"));
    }
    crate::netns::device::check(devices).map_err(|reason| wrong("linux.netDevices", &reason))
}

fn check_namespaces(config: &Config) -> Result<()> {
    for (index, namespace) in config.linux.namespaces.iter().enumerate() {
        if config.linux.namespaces[..index]
            .iter()
            .any(|other| other.kind == namespace.kind)
        {
            return Err(wrong(
                &format!("linux.namespaces[{index}]"),
                "this type is there twice",
            ));
        }
    }
    Ok(())
}

fn absolute(field: &str, path: &Path) -> Result<()> {
    no_nul(field, &path.to_string_lossy())?;
    if path.is_absolute() {
        return Ok(());
    }
    Err(wrong(
        field,
        &format!("`{}` is not an absolute path", path.display()),
    ))
}

fn no_nul(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(wrong(field, "contains a NUL byte"));
    }
    Ok(())
}

fn wrong(field: &str, reason: &str) -> Error {
    Error::new("check bundle", field, reason)
}
