//! Names inside the archive: bytes below the root, never above it.

use std::fmt::Write;

/// Longest path and longest component that the kernel takes, in bytes.
const PATH_MAX: usize = 4095;
const NAME_MAX: usize = 255;

/// A path below the root: components that are no `.` and no `..`, joined by single slashes. The
/// root itself is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Name(Vec<u8>);

impl Name {
    /// From the archive's spelling: a leading slash and `.` go away, `..` is refused.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if text.contains(&0) {
            return Err("its name holds a NUL byte".into());
        }
        if text.len() > PATH_MAX {
            return Err(format!(
                "its name has {} bytes, {PATH_MAX} are possible",
                text.len()
            ));
        }
        let mut path = Vec::with_capacity(text.len());
        for part in text.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err("its name leads out of the tree (..)".into()),
                part if part.len() > NAME_MAX => {
                    return Err(format!(
                        "a part of its name has {} bytes, {NAME_MAX} are possible",
                        part.len()
                    ));
                }
                _ => {}
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        Ok(Self(path))
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Parent and last component; none for the root.
    pub fn split(&self) -> Option<(&[u8], &[u8])> {
        split(&self.0)
    }
}

/// Parent and last component of a path as `Name` has it; none for the root.
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.is_empty() {
        return None;
    }
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => Some((path.get(..slash)?, path.get(slash + 1..)?)),
        None => Some((b"", path)),
    }
}

/// A name for messages: control characters and what is no UTF-8 are escaped, so that a name can
/// neither forge lines nor drive a terminal.
pub fn show(name: &[u8]) -> String {
    let mut shown = String::new();
    for part in name.utf8_chunks() {
        for character in part.valid().chars() {
            match character.is_control() {
                true => shown.extend(character.escape_default()),
                false => shown.push(character),
            }
        }
        for byte in part.invalid() {
            // Writing to a String does not fail.
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    if shown.is_empty() { ".".into() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Result<Vec<u8>, String> {
        Name::parse(text).map(|name| name.0)
    }

    #[test]
    fn names_become_relative_and_plain() {
        assert_eq!(parsed(b"/etc//./passwd"), Ok(b"etc/passwd".to_vec()));
        assert_eq!(parsed(b"./"), Ok(Vec::new()));
        assert_eq!(parsed(b"..."), Ok(b"...".to_vec()));
    }

    #[test]
    fn names_that_lead_out_or_cannot_be_are_refused() {
        for name in [&b"../x"[..], b"a/../../x", b"a/..", b"..", b"a\0b"] {
            assert!(parsed(name).is_err(), "{}", show(name));
        }
        assert!(parsed(&[b'a'; 256]).is_err());
        assert!(parsed(&b"a/".repeat(2048)).is_err());
        assert!(parsed(&[b'a'; 255]).is_ok());
    }

    #[test]
    fn a_shown_name_has_no_control_characters() {
        assert_eq!(show(b"a\x1b[31m\nb\xff"), "a\\u{1b}[31m\\nb\\xff");
    }
}
