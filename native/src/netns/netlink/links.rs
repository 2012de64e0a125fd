//! Requests that make, change and remove interfaces.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::Netlink;
use super::attributes::{attribute, link, name_and_mtu, nest};

/// The other end of a pair.
pub struct End<'a> {
    pub name: &'a str,
    pub hardware: [u8; 6],
    pub namespace: OwnedFd,
}

const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
/// Within IFLA_LINKINFO.
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;

impl Netlink {
    pub fn add_bridge(&mut self, name: &str, mtu: Option<u32>) -> rustix::io::Result<()> {
        let mut body = link(0);
        name_and_mtu(&mut body, name, mtu);
        nest(&mut body, IFLA_LINKINFO, |info| {
            attribute(info, IFLA_INFO_KIND, b"bridge");
        });
        self.ask_new(libc::RTM_NEWLINK, &body)
    }

    /// Two interfaces: what comes in at one goes out at the other, which is in a namespace of its own.
    pub fn add_pair(
        &mut self,
        name: &str,
        end: &End<'_>,
        mtu: Option<u32>,
    ) -> rustix::io::Result<()> {
        const VETH_INFO_PEER: u16 = 1;
        const IFLA_ADDRESS: u16 = 1;
        let mut body = link(0);
        name_and_mtu(&mut body, name, mtu);
        nest(&mut body, IFLA_LINKINFO, |info| {
            attribute(info, IFLA_INFO_KIND, b"veth");
            nest(info, IFLA_INFO_DATA, |data| {
                nest(data, VETH_INFO_PEER, |peer| {
                    peer.extend(link(0));
                    name_and_mtu(peer, end.name, mtu);
                    attribute(peer, IFLA_ADDRESS, &end.hardware);
                    let namespace = end.namespace.as_raw_fd().to_ne_bytes();
                    attribute(peer, IFLA_NET_NS_FD, &namespace);
                });
            });
        });
        self.ask_new(libc::RTM_NEWLINK, &body)
    }

    pub fn delete_link(&mut self, name: &str) -> rustix::io::Result<()> {
        let mut body = link(0);
        name_and_mtu(&mut body, name, None);
        self.ask(libc::RTM_DELLINK, &body)
    }

    pub fn bring_up(&mut self, index: u32) -> rustix::io::Result<()> {
        let mut body = link(index);
        let up = (libc::IFF_UP as u32).to_ne_bytes();
        // The flags, and which of them change.
        body[8..12].copy_from_slice(&up);
        body[12..16].copy_from_slice(&up);
        self.ask(libc::RTM_SETLINK, &body)
    }

    /// Puts an interface on a bridge.
    pub fn set_master(&mut self, index: u32, bridge: u32) -> rustix::io::Result<()> {
        const IFLA_MASTER: u16 = 10;
        let mut body = link(index);
        attribute(&mut body, IFLA_MASTER, &bridge.to_ne_bytes());
        self.ask(libc::RTM_SETLINK, &body)
    }

    /// The bridge sends back to an interface what came from there, if that is its way.
    pub fn set_hairpin(&mut self, index: u32) -> rustix::io::Result<()> {
        const IFLA_PROTINFO: u16 = 12;
        const NESTED: u16 = 1 << 15;
        const IFLA_BRPORT_MODE: u16 = 4;
        let mut body = link(index);
        body[0] = libc::AF_BRIDGE as u8;
        nest(&mut body, IFLA_PROTINFO | NESTED, |port| {
            attribute(port, IFLA_BRPORT_MODE, &[1]);
        });
        self.ask(libc::RTM_SETLINK, &body)
    }

    /// Gives an interface to another network namespace, under this name.
    pub fn move_link(
        &mut self,
        index: u32,
        name: &str,
        namespace: BorrowedFd<'_>,
    ) -> rustix::io::Result<()> {
        let mut body = link(index);
        let namespace = namespace.as_raw_fd().to_ne_bytes();
        attribute(&mut body, IFLA_NET_NS_FD, &namespace);
        name_and_mtu(&mut body, name, None);
        self.ask(libc::RTM_SETLINK, &body)
    }
}
