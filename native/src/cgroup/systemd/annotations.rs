//! Properties of the unit that a configuration asks for itself: `org.systemd.property.NAME`, as runc and
//! crun take them; podman names the stop signal so. The value is written as GVariant's text format.

use std::collections::BTreeMap;

use super::properties::Property;
use crate::error::{Error, Result};

const PREFIX: &str = "org.systemd.property.";

/// The properties in the order of their names. A value that is not understood is an error.
pub fn properties(annotations: &BTreeMap<String, String>) -> Result<Vec<Property>> {
    annotations
        .iter()
        .filter_map(|(key, value)| Some((key, key.strip_prefix(PREFIX)?, value)))
        .map(|(key, name, text)| {
            one(name, text.trim()).ok_or_else(|| {
                Error::new(
                    "check config.json",
                    format!("annotations.{key}"),
                    format!("not a property of a unit: {text}"),
                )
                .hint("a value is true, 'text', a number or uint64 NUMBER")
            })
        })
        .collect()
}

fn one(name: &str, text: &str) -> Option<Property> {
    if name.len() < 3 || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let (kind, value) = typed(text)?;
    // D-Bus has microseconds where unit files have seconds; both spellings are taken.
    let Some(stem) = name.strip_suffix("Sec").filter(|stem| !stem.ends_with('U')) else {
        return Some(Property::new(name, kind, value));
    };
    let seconds: u64 = value.parse().ok()?;
    Some(Property::new(
        &format!("{stem}USec"),
        "t",
        seconds.checked_mul(1_000_000)?.to_string(),
    ))
}

/// D-Bus type and word of a value.
fn typed(text: &str) -> Option<(&'static str, String)> {
    if matches!(text, "true" | "false") {
        return Some(("b", text.to_owned()));
    }
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            let inner = inner.strip_suffix(quote)?;
            let plain = !inner.contains([quote, '\\', '\n']);
            return plain.then(|| ("s", inner.to_owned()));
        }
    }
    let (kind, digits) = text.split_once(' ').unwrap_or(("int32", text));
    let digits = digits.trim();
    match kind {
        "int32" => digits.parse::<i32>().ok().map(|n| ("i", n.to_string())),
        "uint32" => digits.parse::<u32>().ok().map(|n| ("u", n.to_string())),
        "int64" => digits.parse::<i64>().ok().map(|n| ("x", n.to_string())),
        "uint64" => digits.parse::<u64>().ok().map(|n| ("t", n.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(key: &str, value: &str) -> Result<Vec<Property>> {
        properties(&BTreeMap::from([(key.to_owned(), value.to_owned())]))
    }

    #[test]
    fn values_have_the_types_that_they_are_written_with() {
        for (name, text, expected) in [
            ("KillSignal", "15", ("KillSignal", "i", "15")),
            (
                "TimeoutStopUSec",
                "uint64 5000000",
                ("TimeoutStopUSec", "t", "5000000"),
            ),
            ("TimeoutStopSec", "5", ("TimeoutStopUSec", "t", "5000000")),
            (
                "CollectMode",
                "'inactive'",
                ("CollectMode", "s", "inactive"),
            ),
            ("SendSIGHUP", "true", ("SendSIGHUP", "b", "true")),
        ] {
            let (name_there, kind, value) = expected;
            assert_eq!(
                read(&format!("org.systemd.property.{name}"), text).unwrap(),
                [Property::new(name_there, kind, value.to_owned())],
                "{name}"
            );
        }
        assert!(read("org.other", "x").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_property_is_refused() {
        for (name, text) in [
            ("KillSignal", "abc"),
            ("KillSignal", "'open"),
            ("KillSignal", "[1, 2]"),
            ("Kill Signal", "15"),
            ("K", "15"),
            ("TimeoutStopSec", "-1"),
            ("TasksMax", "uint64 -1"),
        ] {
            assert!(
                read(&format!("org.systemd.property.{name}"), text).is_err(),
                "{name} {text}"
            );
        }
    }
}
