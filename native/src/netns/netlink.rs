//! The few requests to the kernel's routing socket that setting up an interface takes.

mod attributes;
mod links;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::error::{Context, Result};
use attributes::{attribute, bytes, family};
pub use links::End;

/// A routing socket in the network namespace in which it was opened.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

/// With its prefix.
pub type Address = (IpAddr, u8);

const HEADER: usize = 16;

impl Netlink {
    pub fn open() -> Result<Self> {
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            // NETLINK_ROUTE is 0.
            None,
        )
        .at("make socket", "netlink")?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    pub fn add_address(
        &mut self,
        index: u32,
        address: IpAddr,
        prefix: u8,
    ) -> rustix::io::Result<()> {
        const IFA_ADDRESS: u16 = 1;
        const IFA_LOCAL: u16 = 2;
        // Nobody else has it: waiting for duplicates would only delay the first connection.
        const IFA_F_NODAD: u8 = 2;
        let mut body = vec![family(address), prefix, IFA_F_NODAD, 0];
        body.extend(index.to_ne_bytes());
        attribute(&mut body, IFA_LOCAL, &bytes(address));
        attribute(&mut body, IFA_ADDRESS, &bytes(address));
        self.ask(libc::RTM_NEWADDR, &body)
    }

    pub fn add_default_route(&mut self, index: u32, gateway: IpAddr) -> rustix::io::Result<()> {
        const RTA_OIF: u16 = 4;
        const RTA_GATEWAY: u16 = 5;
        const TABLE_MAIN: u8 = 254;
        const STATIC: u8 = 4;
        const UNICAST: u8 = 1;
        let mut body = vec![family(gateway), 0, 0, 0, TABLE_MAIN, STATIC, 0, UNICAST];
        body.extend(0_u32.to_ne_bytes());
        attribute(&mut body, RTA_GATEWAY, &bytes(gateway));
        attribute(&mut body, RTA_OIF, &index.to_ne_bytes());
        self.ask(libc::RTM_NEWROUTE, &body)
    }

    /// The lasting addresses of global scope that an interface has.
    pub fn addresses(&mut self, index: u32) -> rustix::io::Result<Vec<Address>> {
        self.send(
            libc::RTM_GETADDR,
            libc::NLM_F_REQUEST | libc::NLM_F_DUMP,
            &[0; 8],
        )?;
        let mut found = Vec::new();
        let mut answer = vec![0_u8; 32 << 10];
        loop {
            let (length, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
            let mut rest = answer.get(..length).unwrap_or_default();
            while let Some((kind, body, next)) = message(rest) {
                match i32::from(kind) {
                    libc::NLMSG_DONE => return Ok(found),
                    libc::NLMSG_ERROR => verdict(body)?,
                    _ => found.extend(lasting_address(body, index)),
                }
                rest = next;
            }
        }
    }

    /// Creates or replaces.
    fn ask(&mut self, kind: u16, body: &[u8]) -> rustix::io::Result<()> {
        self.ask_with(kind, libc::NLM_F_CREATE | libc::NLM_F_REPLACE, body)
    }

    /// Creates what is not there yet.
    fn ask_new(&mut self, kind: u16, body: &[u8]) -> rustix::io::Result<()> {
        self.ask_with(kind, libc::NLM_F_CREATE | libc::NLM_F_EXCL, body)
    }

    /// Sends one request and waits for the kernel's word on it.
    fn ask_with(&mut self, kind: u16, flags: i32, body: &[u8]) -> rustix::io::Result<()> {
        self.send(kind, libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags, body)?;
        let mut answer = [0_u8; 4096];
        let (length, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        verdict(answer.get(HEADER..length).unwrap_or_default())
    }

    fn send(&mut self, kind: u16, flags: i32, body: &[u8]) -> rustix::io::Result<()> {
        self.sequence += 1;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(
            u32::try_from(HEADER + body.len())
                .unwrap_or(u32::MAX)
                .to_ne_bytes(),
        );
        message.extend(kind.to_ne_bytes());
        message.extend((flags as u16).to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.extend(0_u32.to_ne_bytes());
        message.extend(body);
        rustix::net::send(&self.socket, &message, SendFlags::empty()).map(drop)
    }
}

/// The kind, the body and what follows, of the first message.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let body = bytes.get(HEADER..length)?;
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, body, next))
}

/// nlmsgerr begins with the negated errno, 0 for success.
fn verdict(body: &[u8]) -> rustix::io::Result<()> {
    let code = body.get(..4).and_then(|code| code.try_into().ok());
    match code.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(-errno)),
        None => Err(Errno::PROTO),
    }
}

/// The address of a RTM_NEWADDR's body (struct ifaddrmsg and attributes), if it is such a one.
fn lasting_address(body: &[u8], index: u32) -> Option<Address> {
    const LOCAL: u16 = 2;
    const ADDRESS: u16 = 1;
    const PERMANENT: u8 = 0x80;
    let &[_, prefix, flags, scope] = body.get(..4)? else {
        return None;
    };
    let own = u32::from_ne_bytes(body.get(4..8)?.try_into().ok()?);
    if own != index || scope != 0 || flags & PERMANENT == 0 {
        return None;
    }
    let mut attributes = BTreeMap::new();
    let mut rest = body.get(8..)?;
    while let Some(header) = rest.get(..4) {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]);
        attributes.insert(kind, rest.get(4..length)?);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    let value = attributes.get(&LOCAL).or(attributes.get(&ADDRESS))?;
    let address = match value.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(*value).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(*value).ok()?),
    };
    Some((address, prefix))
}
