//! An interface with its addresses and its way out.

use std::net::IpAddr;

use serde::Deserialize;

use super::netlink::{Address, Netlink};
use crate::error::{Context, Error, Result};
use crate::sys::net;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    name: String,
    /// "10.1.2.3/24".
    #[serde(default)]
    addresses: Vec<String>,
    /// Routers of everything that is not on the link, at most one a family.
    #[serde(default)]
    gateways: Vec<IpAddr>,
}

impl Link {
    /// Up, with these addresses and routes besides those that it has.
    pub fn set_up(&self) -> Result<()> {
        let addresses = self.addresses.iter().map(|text| parse(text));
        let addresses = addresses.collect::<Result<Vec<_>>>()?;
        set_up(&self.name, &addresses, &self.gateways)
    }
}

/// Brings an interface of this process's network namespace up, with these addresses and ways out.
pub fn set_up(name: &str, addresses: &[Address], gateways: &[IpAddr]) -> Result<()> {
    let socket = net::socket().at("make socket", "")?;
    let index = rustix::net::netdevice::name_to_index(&socket, name).at("find interface", name)?;
    let mut netlink = Netlink::open()?;
    for (address, prefix) in addresses {
        netlink
            .add_address(index, *address, *prefix)
            .at("add address", format!("{address}/{prefix}"))?;
    }
    net::link_up(&socket, name).at("bring up", name)?;
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

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_address_has_a_prefix() {
        assert!(parse("10.1.2.3/24").is_ok());
        assert!(parse("fd00::1/64").is_ok());
        assert!(parse("10.1.2.3").is_err());
        assert!(parse("10.1.2/24").is_err());
        assert!(parse("10.1.2.3/999").is_err());
    }
}
