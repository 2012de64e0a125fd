//! The few requests to the kernel's routing socket that setting up an interface takes.

use std::net::IpAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::error::{Context, Result};

/// A routing socket in the network namespace in which it was opened.
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

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

    /// Sends one request that creates or replaces, and waits for the kernel's word on it.
    fn ask(&mut self, kind: u16, body: &[u8]) -> rustix::io::Result<()> {
        let flags =
            libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
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
        rustix::net::send(&self.socket, &message, SendFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let (length, _) = rustix::net::recv(&self.socket, &mut answer, RecvFlags::empty())?;
        // nlmsgerr: the header, then the negated errno, 0 for success.
        let code: [u8; 4] = answer
            .get(HEADER..length.min(HEADER + 4))
            .and_then(|code| code.try_into().ok())
            .ok_or(Errno::PROTO)?;
        match i32::from_ne_bytes(code) {
            0 => Ok(()),
            errno => Err(Errno::from_raw_os_error(-errno)),
        }
    }
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn family(address: IpAddr) -> u8 {
    let family = match address {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    family as u8
}

fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
