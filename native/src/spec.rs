//! Documents of a bundle, as types; what the specification allows besides is read over, a wrong
//! type is an error that names the field.

pub mod config;
pub mod linux;
pub mod process;
pub mod resources;
pub mod seccomp;
pub mod supervise;
mod validate;

#[cfg(test)]
mod corpus;

use std::path::Path;

use crate::error::{Context, Error, Result};

pub use config::Config;
#[cfg(test)]
pub use validate::check as validate_config;

/// Reads and checks `config.json` in the bundle directory.
pub fn load(bundle: &Path) -> Result<Config> {
    load_from(bundle, None)
}

/// The same, or another file in its place.
pub fn load_from(bundle: &Path, other: Option<&Path>) -> Result<Config> {
    let own = bundle.join("config.json");
    let path = other.unwrap_or(&own);
    let subject = path.display().to_string();
    let text = std::fs::read(path).at("read bundle", subject.clone())?;
    parse_json(&text, "read bundle")
        .and_then(|config: Config| validate::check(config))
        .map_err(|error| Error {
            subject: format!("{subject}: {}", error.subject),
            ..error
        })
}

/// JSON text -> value; the error's subject is the field (`process.user.uid`).
pub fn parse_json<T: serde::de::DeserializeOwned>(text: &[u8], step: &'static str) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::new(step, error.path().to_string(), error.inner().to_string()))?;
    json.end()
        .map_err(|error| Error::new(step, "", error.to_string()))?;
    Ok(value)
}
