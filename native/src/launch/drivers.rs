//! What drivers need inside besides mounts and nodes.

use serde::Deserialize;

use crate::error::Result;
use crate::live::links::{self, Link};
use crate::loader::compat::Compat;
use crate::loader::{self, Loader};
use crate::root::RootFd;
use crate::spec;

/// The annotation `io.pavlos.drivers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drivers {
    #[serde(default)]
    links: Vec<Link>,
    #[serde(default)]
    loader: Vec<Loader>,
    compat: Option<Compat>,
}

pub fn set(root: &RootFd, text: &str) -> Result<()> {
    let drivers: Drivers = spec::parse_json(text.as_bytes(), "read annotation io.pavlos.drivers")?;
    for link in &drivers.links {
        links::make(root, link)?;
    }
    loader::set(root, &drivers.loader, drivers.compat.as_ref())
}
