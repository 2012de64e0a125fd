//! Bodies of requests.

use std::net::IpAddr;

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;

/// struct ifinfomsg: family, type, index, flags, which flags change. Index 0: of a name that follows.
pub fn link(index: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend(index.to_ne_bytes());
    body.extend([0; 8]);
    body
}

pub fn name_and_mtu(body: &mut Vec<u8>, name: &str, mtu: Option<u32>) {
    attribute(body, IFLA_IFNAME, &[name.as_bytes(), &[0]].concat());
    if let Some(mtu) = mtu {
        attribute(body, IFLA_MTU, &mtu.to_ne_bytes());
    }
}

/// An attribute that consists of what `fill` writes.
pub fn nest(body: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    fill(&mut inner);
    attribute(body, kind, &inner);
}

pub fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    body.extend(length.to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

pub fn family(address: IpAddr) -> u8 {
    let family = match address {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    };
    family as u8
}

pub fn bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
