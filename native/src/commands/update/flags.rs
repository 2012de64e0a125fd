//! The single limits of `update`, by the names that runc and crun give them.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// Where a limit goes in linux.resources, and what it is.
pub fn find(flag: &str) -> Option<(&'static str, &'static str, Kind)> {
    FLAGS
        .iter()
        .find(|(names, ..)| names.contains(&flag))
        .map(|(_, group, field, kind)| (*group, *field, *kind))
}

/// Adds the limit of `flag` to `resources`.
pub fn put(resources: &mut Map<String, Value>, flag: &str, text: &str) -> Result<()> {
    let wrong = || {
        Error::new(
            "read command line",
            format!("--{flag}"),
            format!("{text:?} is no value for it"),
        )
    };
    let (group, field, kind) = find(flag).ok_or_else(wrong)?;
    let value = match kind {
        Kind::Number => json!(text.parse::<i64>().map_err(|_| wrong())?),
        Kind::Bytes => json!(bytes(text).ok_or_else(wrong)?),
        Kind::Text => json!(text),
    };
    let group = resources.entry(group).or_insert_with(|| json!({}));
    if let Some(group) = group.as_object_mut() {
        group.insert(field.to_owned(), value);
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Number,
    /// With a suffix k, m, g or t, powers of 1024; -1 is no limit.
    Bytes,
    Text,
}

#[rustfmt::skip]
const FLAGS: &[(&[&str], &str, &str, Kind)] = &[
    (&["memory"], "memory", "limit", Kind::Bytes),
    (&["memory-reservation"], "memory", "reservation", Kind::Bytes),
    (&["memory-swap"], "memory", "swap", Kind::Bytes),
    (&["cpu-share", "cpu-shares"], "cpu", "shares", Kind::Number),
    (&["cpu-quota"], "cpu", "quota", Kind::Number),
    (&["cpu-period"], "cpu", "period", Kind::Number),
    (&["cpu-burst"], "cpu", "burst", Kind::Number),
    (&["cpu-idle"], "cpu", "idle", Kind::Number),
    (&["cpu-rt-runtime"], "cpu", "realtimeRuntime", Kind::Number),
    (&["cpu-rt-period"], "cpu", "realtimePeriod", Kind::Number),
    (&["cpuset-cpus"], "cpu", "cpus", Kind::Text),
    (&["cpuset-mems"], "cpu", "mems", Kind::Text),
    (&["pids-limit"], "pids", "limit", Kind::Number),
    (&["blkio-weight"], "blockIO", "weight", Kind::Number),
];

fn bytes(text: &str) -> Option<i64> {
    let lower = text.to_ascii_lowercase();
    let plain = lower
        .strip_suffix("ib")
        .or(lower.strip_suffix('b'))
        .unwrap_or(&lower);
    let (number, shift) = match plain.as_bytes().last()? {
        b'k' => (&plain[..plain.len() - 1], 10),
        b'm' => (&plain[..plain.len() - 1], 20),
        b'g' => (&plain[..plain.len() - 1], 30),
        b't' => (&plain[..plain.len() - 1], 40),
        _ => (plain, 0),
    };
    number.parse::<i64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes_and_limits_their_place() {
        let mut resources = Map::new();
        put(&mut resources, "memory", "64M").unwrap();
        put(&mut resources, "memory-swap", "-1").unwrap();
        put(&mut resources, "cpuset-cpus", "0-1").unwrap();
        assert_eq!(
            Value::from(resources),
            json!({"memory": {"limit": 64 << 20, "swap": -1}, "cpu": {"cpus": "0-1"}})
        );
        assert!(put(&mut Map::new(), "memory", "much").is_err());
        assert!(put(&mut Map::new(), "memory", "9999999999g").is_err());
    }
}
