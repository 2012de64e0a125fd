//! An interface with its addresses and its way out.

use std::net::IpAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use serde::Deserialize;

use super::netlink::Netlink;
use crate::error::{Context, Error, Result};

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
        let socket = rustix::net::socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .at("make socket", "")?;
        let index = rustix::net::netdevice::name_to_index(&socket, &self.name)
            .at("find interface", self.name.as_str())?;
        let mut netlink = Netlink::open()?;
        for text in &self.addresses {
            let (address, prefix) = parse(text)?;
            netlink
                .add_address(index, address, prefix)
                .at("add address", text.as_str())?;
        }
        crate::sys::net::link_up(&socket, &self.name).at("bring up", self.name.as_str())?;
        for gateway in &self.gateways {
            netlink
                .add_default_route(index, *gateway)
                .at("add route", gateway.to_string())?;
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<(IpAddr, u8)> {
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
