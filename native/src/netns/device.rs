//! linux.netDevices: interfaces of the host that move into a container's network namespace.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use super::netlink::{Address, Netlink};
use super::{link, open};
use crate::error::{Context, Result};
use crate::spec::Config;
use crate::spec::linux::{NamespaceKind, NetDevice};
use crate::sys::net;
use crate::sys::process::setns;

/// Moves them into the network namespace of the process `init`, or into the one that it is to join.
/// Addresses of global scope go along, as hardware address and MTU do by themselves; then each is up.
pub fn move_all(config: &Config, init: i32) -> Result<()> {
    if config.linux.net_devices.is_empty() {
        return Ok(());
    }
    let joined = config.linux.namespace(NamespaceKind::Network);
    let path = match joined.and_then(|namespace| namespace.path.clone()) {
        Some(path) => path,
        None => format!("/proc/{init}/ns/net").into(),
    };
    let (own, theirs) = (open("/proc/self/ns/net".as_ref())?, open(&path)?);
    let mut moved = Vec::new();
    for (name, device) in &config.linux.net_devices {
        moved.push(move_one(name, device, theirs.as_fd())?);
    }
    setns(&theirs, libc::CLONE_NEWNET).at("enter namespace", path.display().to_string())?;
    let set = moved
        .iter()
        .try_for_each(|(name, addresses)| link::set_up(name, addresses, &[]));
    setns(&own, libc::CLONE_NEWNET).at("return to namespace", "")?;
    set
}

/// What is wrong with the names, if anything.
pub fn check(devices: &BTreeMap<String, NetDevice>) -> std::result::Result<(), String> {
    let mut taken = Vec::new();
    for (host, device) in devices {
        let inside = inside(host, device);
        for name in [host.as_str(), inside] {
            let odd = |c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace();
            let length = 1..libc::IFNAMSIZ;
            if !length.contains(&name.len()) || name.contains(odd) || matches!(name, "." | "..") {
                return Err(format!("{name:?} is no name of an interface"));
            }
        }
        if taken.contains(&inside) {
            return Err(format!("{inside:?} is there twice"));
        }
        taken.push(inside);
    }
    Ok(())
}

fn inside<'a>(host: &'a str, device: &'a NetDevice) -> &'a str {
    if device.name.is_empty() {
        host
    } else {
        &device.name
    }
}

/// Its name there, and the addresses that it loses on the way.
fn move_one(
    host: &str,
    device: &NetDevice,
    namespace: BorrowedFd<'_>,
) -> Result<(String, Vec<Address>)> {
    let subject = format!("linux.netDevices.{host}");
    let socket = net::socket().at("make socket", "")?;
    let index = rustix::net::netdevice::name_to_index(&socket, host)
        .at("find interface", subject.clone())?;
    let mut netlink = Netlink::open()?;
    let addresses = netlink
        .addresses(index)
        .at("read addresses", subject.clone())?;
    let name = inside(host, device);
    netlink
        .move_link(index, name, namespace)
        .at("move interface", subject)
        .map_err(|error| match error.errno {
            Some(libc::EEXIST) => error.hint(format!(
                "the namespace has an interface `{name}` already: give another name"
            )),
            Some(libc::EPERM) => error.hint("only root may take interfaces from the host"),
            _ => error,
        })?;
    Ok((name.to_owned(), addresses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_anything_moves() {
        let devices = |list: &[(&str, &str)]| {
            let named = |(host, name): &(&str, &str)| {
                let name = (*name).to_owned();
                ((*host).to_owned(), NetDevice { name })
            };
            check(&list.iter().map(named).collect())
        };
        assert!(devices(&[("eth0", ""), ("eth1", "lan")]).is_ok());
        for wrong in ["a/b", "a b", "..", "sixteen-letters-"] {
            assert!(devices(&[("eth0", wrong)]).is_err(), "{wrong}");
        }
        assert!(devices(&[("", "x")]).is_err());
        assert!(devices(&[("eth0", "eth1"), ("eth1", "")]).is_err());
    }
}
