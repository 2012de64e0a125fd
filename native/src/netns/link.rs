//! An interface: how it is made, its bridge, its addresses and its way out.

use std::net::IpAddr;
use std::path::PathBuf;

use rustix::io::Errno;
use serde::Deserialize;

use super::netlink::{Address, End, Netlink};
use super::open;
use crate::error::{Context, Error, Result};
use crate::sys::net;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    name: String,
    /// Without: it is there already.
    make: Option<Make>,
    /// Of one that is made, and of its other end.
    mtu: Option<u32>,
    /// The bridge that it is put on.
    bridge: Option<String>,
    /// "10.1.2.3/24".
    #[serde(default)]
    addresses: Vec<String>,
    /// Routers of everything that is not on the link, at most one a family.
    #[serde(default)]
    gateways: Vec<IpAddr>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Make {
    Bridge,
    /// A pair of interfaces; the other end is somewhere else.
    Pair(Peer),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    /// "0a:58:0a:01:02:03".
    hardware: String,
    /// A file on which its network namespace is bound.
    namespace: PathBuf,
}

impl Link {
    /// Made where that is asked for, on its bridge, and up, with these addresses and routes besides
    /// those that it has.
    pub fn set_up(&self) -> Result<()> {
        let addresses = self.addresses.iter().map(|text| parse(text));
        let addresses = addresses.collect::<Result<Vec<_>>>()?;
        match &self.make {
            None => {}
            Some(Make::Bridge) => Netlink::open()?
                .add_bridge(&self.name, self.mtu)
                .at("make bridge", self.name.clone())?,
            Some(Make::Pair(peer)) => {
                let end = End {
                    name: &peer.name,
                    hardware: hardware(&peer.hardware)?,
                    namespace: open(&peer.namespace)?,
                };
                Netlink::open()?
                    .add_pair(&self.name, &end, self.mtu)
                    .at("make pair", self.name.clone())?;
            }
        }
        if let Some(bridge) = &self.bridge {
            attach(&self.name, bridge)?;
        }
        set_up(&self.name, &addresses, &self.gateways)
    }
}

/// Takes an interface away; one that is not there is gone already.
pub fn remove(name: &str) -> Result<()> {
    match Netlink::open()?.delete_link(name) {
        Err(Errno::NODEV) => Ok(()),
        done => done.at("remove interface", name),
    }
}

/// Hairpin: where the kernel filters bridges, it turns a published port that is used by its own
/// container around here.
fn attach(name: &str, bridge: &str) -> Result<()> {
    let (index, master) = (index_of(name)?, index_of(bridge)?);
    let mut netlink = Netlink::open()?;
    netlink
        .set_master(index, master)
        .at("put on bridge", name)?;
    netlink.set_hairpin(index).at("set hairpin", name)
}

fn index_of(name: &str) -> Result<u32> {
    let socket = net::socket().at("make socket", "")?;
    rustix::net::netdevice::name_to_index(&socket, name).at("find interface", name)
}

/// Brings an interface of this process's network namespace up, with these addresses and ways out.
pub fn set_up(name: &str, addresses: &[Address], gateways: &[IpAddr]) -> Result<()> {
    let index = index_of(name)?;
    let mut netlink = Netlink::open()?;
    for (address, prefix) in addresses {
        netlink
            .add_address(index, *address, *prefix)
            .at("add address", format!("{address}/{prefix}"))?;
    }
    netlink.bring_up(index).at("bring up", name)?;
    for gateway in gateways {
        netlink
            .add_default_route(index, *gateway)
            .at("add route", gateway.to_string())?;
    }
    Ok(())
}

fn parse(text: &str) -> Result<Address> {
    let parts = text
        .split_once('/')
        .and_then(|(address, prefix)| Some((address.parse().ok()?, prefix.parse().ok()?)));
    parts.ok_or_else(|| Error::new("read address", text, "is not ADDRESS/PREFIX"))
}

fn hardware(text: &str) -> Result<[u8; 6]> {
    let parts = text.split(':').map(|part| u8::from_str_radix(part, 16));
    let bytes = parts.collect::<std::result::Result<Vec<_>, _>>();
    bytes
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Error::new("read address", text, "is no hardware address"))
}

#[cfg(test)]
mod tests {
    use super::{hardware, parse};

    #[test]
    fn a_hardware_address_has_six_bytes() {
        assert_eq!(
            hardware("0a:58:0a:01:02:ff").ok(),
            Some([10, 88, 10, 1, 2, 255])
        );
        for wrong in ["", "0a:58", "0a:58:0a:01:02:1ff", "0a:58:0a:01:02:03:04"] {
            assert!(hardware(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_a_prefix() {
        assert!(parse("10.1.2.3/24").is_ok());
        assert!(parse("fd00::1/64").is_ok());
        assert!(parse("10.1.2.3").is_err());
        assert!(parse("10.1.2/24").is_err());
        assert!(parse("10.1.2.3/999").is_err());
    }
}
