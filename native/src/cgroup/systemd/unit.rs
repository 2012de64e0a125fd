//! The name of a container's scope and its place among the slices.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A scope of systemd's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// "libpod-3f2a.scope".
    pub name: String,
    /// "machine.slice".
    pub slice: String,
    /// Of the caller's own service manager, not of the machine's.
    pub user: bool,
}

impl Unit {
    /// From `linux.cgroupsPath`, which is `slice:prefix:name` here. An empty slice is system.slice, or
    /// user.slice of a user's manager; no path stands for `:pavlos:<id>`.
    pub fn new(path: Option<&str>, id: &str, user: bool) -> Result<Self> {
        let default = format!(":pavlos:{id}");
        let text = path.filter(|path| !path.is_empty()).unwrap_or(&default);
        let wrong = |reason: &str| {
            Error::new(
                "check config.json",
                "linux.cgroupsPath",
                format!("{reason}: {text}"),
            )
            .hint("with --systemd-cgroup it is slice:prefix:name, such as machine.slice:pavlos:web")
        };
        let parts: Vec<&str> = text.split(':').collect();
        let &[slice, prefix, name] = parts.as_slice() else {
            return Err(wrong("not systemd's slice:prefix:name form"));
        };
        let slice = match (slice, user) {
            ("", false) => "system.slice",
            ("", true) => "user.slice",
            (given, _) => given,
        };
        let name = match prefix {
            "" => format!("{name}.scope"),
            prefix => format!("{prefix}-{name}.scope"),
        };
        if !is_name(slice, ".slice") || slice.starts_with('-') {
            return Err(wrong("not the name of a slice"));
        }
        if !is_name(&name, ".scope") || name.ends_with(".slice.scope") {
            return Err(wrong("not the name of a scope"));
        }
        Ok(Self {
            name,
            slice: slice.to_owned(),
            user,
        })
    }
}

/// systemd.unit(5): letters, digits and ":-_.\", at most 255 bytes with the suffix.
fn is_name(text: &str, suffix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.\\".contains(&byte);
    text.strip_suffix(suffix)
        .is_some_and(|stem| !stem.is_empty() && stem.bytes().all(plain))
        && text.len() <= 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_named_by_prefix_and_name() {
        let unit = |path, user| {
            let unit = Unit::new(path, "c1", user).unwrap();
            (unit.name, unit.slice)
        };
        let pair = |name: &str, slice: &str| (name.to_owned(), slice.to_owned());
        assert_eq!(
            unit(Some("machine.slice:libpod:3f"), false),
            pair("libpod-3f.scope", "machine.slice")
        );
        assert_eq!(unit(Some("::x"), true), pair("x.scope", "user.slice"));
        assert_eq!(unit(None, false), pair("pavlos-c1.scope", "system.slice"));
        assert_eq!(unit(Some(""), true), pair("pavlos-c1.scope", "user.slice"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for path in [
            "/a/path",
            "a:b",
            "a.slice:b:c:d",
            "a:b:c",
            "../a.slice:b:c",
            "a.slice:b/c:d",
            "a.slice:b:c d",
            "-.slice:b:c",
            ".slice:b:c",
            "a.slice::",
            "a.slice:b:c.slice",
        ] {
            assert!(Unit::new(Some(path), "c1", false).is_err(), "{path}");
        }
        assert!(Unit::new(Some(&format!("::{}", "n".repeat(250))), "c1", false).is_err());
    }
}
