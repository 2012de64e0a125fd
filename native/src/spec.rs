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
    let read = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::new(step, error.path().to_string(), error.inner().to_string()));
    match read {
        Ok(value) => {
            let end = json.end();
            end.map_err(|error| Error::new(step, "", error.to_string()))?;
            Ok(value)
        }
        // Programs in Go write null for a list or a map that is not there.
        Err(error) if error.reason.contains("invalid type: null") => {
            without_nulls(text).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// None: that does not help either.
fn without_nulls<T: serde::de::DeserializeOwned>(text: &[u8]) -> Option<T> {
    let mut value: serde_json::Value = serde_json::from_slice(text).ok()?;
    drop_nulls(&mut value);
    T::deserialize(value).ok()
}

fn drop_nulls(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_as_good_as_absent_where_a_value_can_be_absent() {
        let text = br#"{"namespaces": null, "timeOffsets": null, "devices": [{"type": "c", "path": "/dev/x", "fileMode": null}]}"#;
        let linux: linux::Linux = parse_json(text, "read").unwrap();
        assert!(linux.namespaces.is_empty() && linux.devices.len() == 1);
        let text = br#"{"namespaces": [{"type": "pid", "path": ""}]}"#;
        let linux: linux::Linux = parse_json(text, "read").unwrap();
        assert!(linux.is_new(linux::NamespaceKind::Pid));
        let error = parse_json::<Config>(br#"{"ociVersion": null}"#, "read").unwrap_err();
        assert!(error.subject.contains("ociVersion"), "{error}");
    }
}
