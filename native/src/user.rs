//! Who a process runs as: `uid`, `uid:gid`, `name`, `name:group`, looked up in the container's own
//! passwd and group files. Those files belong to the image and may be hostile: nothing in them can
//! turn a number into another number, and a line that is not well-formed does not exist.

#![allow(dead_code)] // until create and exec call it

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// The most that is read of a passwd or group file, in bytes; callers cut what is longer.
pub const MAX_FILE: usize = 8 << 20;

/// The kernel's NGROUPS_MAX.
const MAX_GROUPS: usize = 65536;

const STEP: &str = "look up user";

/// A process's identity inside the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    /// The primary group: as asked for, else the account's, else 0 (as docker and runc do for an
    /// id without an account).
    pub gid: u32,
    /// Supplementary groups, ascending, without `gid`; empty when a group was asked for.
    pub groups: Vec<u32>,
    /// The account's name, when the passwd file has one.
    pub name: Option<String>,
    /// The account's home, when it has one and it is absolute.
    pub home: Option<PathBuf>,
    /// The account's shell, when it has one and it is absolute.
    pub shell: Option<PathBuf>,
}

/// Finds `spec` in the contents of passwd and group. Digits are always an id, never a name, and
/// need no account; a name without an account or a group without an entry is an error.
pub fn lookup(passwd: &[u8], group: &[u8], spec: &str) -> Result<User> {
    let (user, wanted_group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (spec, None),
    };
    let account = find_account(passwd, user, spec)?;
    let gid = match wanted_group {
        Some(wanted) => find_group(group, wanted, spec)?,
        None => account.gid,
    };
    let groups = match (&account.name, wanted_group) {
        (Some(name), None) => memberships(group, name, gid),
        _ => Vec::new(),
    };
    Ok(User {
        gid,
        groups,
        ..account
    })
}

/// A user or group id in strict decimal: no sign, no blanks, no leading zero, and not 2^32-1,
/// which the kernel takes as "leave it as it is".
pub fn parse_id(text: &[u8]) -> Option<u32> {
    let plain = match text {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < 10 && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    let id: u32 = if plain {
        std::str::from_utf8(text).ok()?.parse().ok()?
    } else {
        return None;
    };
    (id != u32::MAX).then_some(id)
}

fn find_account(passwd: &[u8], user: &str, spec: &str) -> Result<User> {
    let id = numeric(user, spec)?;
    let found = accounts(passwd).find(|account| match id {
        Some(uid) => account.uid == uid,
        None => account.name.as_deref() == Some(user),
    });
    match (found, id) {
        (Some(account), _) => Ok(account),
        (None, Some(uid)) => Ok(User {
            uid,
            gid: 0,
            groups: Vec::new(),
            name: None,
            home: None,
            shell: None,
        }),
        (None, None) => Err(Error::new(
            STEP,
            spec,
            format!("no user {user:?} in the root's /etc/passwd"),
        )
        .hint("use a number, or add the user to the root file system")),
    }
}

fn find_group(group: &[u8], wanted: &str, spec: &str) -> Result<u32> {
    if let Some(gid) = numeric(wanted, spec)? {
        return Ok(gid);
    }
    entries(group)
        .find(|(name, ..)| *name == wanted.as_bytes())
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| {
            Error::new(
                STEP,
                spec,
                format!("no group {wanted:?} in the root's /etc/group"),
            )
            .hint("use a number, or add the group to the root file system")
        })
}

/// The id that `text` is, nothing when it is a name, an error when it is neither.
fn numeric(text: &str, spec: &str) -> Result<Option<u32>> {
    let looks_like_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
    match parse_id(text.as_bytes()) {
        Some(id) => Ok(Some(id)),
        None if looks_like_number => Err(Error::new(STEP, spec, format!("{text:?} is not an id"))
            .hint("ids are decimal numbers from 0 to 4294967294; names do not begin with a digit")),
        None if is_name(text.as_bytes()) => Ok(None),
        None => Err(
            Error::new(STEP, spec, format!("{text:?} is neither an id nor a name"))
                .hint("the form is uid, uid:gid, name or name:group"),
        ),
    }
}

/// The well-formed lines of a passwd file: name:password:uid:gid:comment:home:shell.
fn accounts(passwd: &[u8]) -> impl Iterator<Item = User> {
    lines(passwd).filter_map(|line| {
        let fields: [&[u8]; 7] = exactly(line)?;
        Some(User {
            uid: parse_id(fields[2])?,
            gid: parse_id(fields[3])?,
            groups: Vec::new(),
            name: Some(name(fields[0])?),
            home: absolute(fields[5]),
            shell: absolute(fields[6]),
        })
    })
}

/// The well-formed lines of a group file: name:password:gid:members.
fn entries(group: &[u8]) -> impl Iterator<Item = (&[u8], u32, &[u8])> {
    lines(group).filter_map(|line| {
        let [name, _, gid, members] = exactly(line)?;
        is_name(name).then_some(())?;
        Some((name, parse_id(gid)?, members))
    })
}

fn memberships(group: &[u8], name: &str, primary: u32) -> Vec<u32> {
    let mut groups: Vec<u32> = entries(group)
        .filter(|(_, gid, members)| {
            *gid != primary
                && members
                    .split(|b| *b == b',')
                    .any(|member| member == name.as_bytes())
        })
        .map(|(_, gid, _)| gid)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups.truncate(MAX_GROUPS);
    groups
}

/// Lines of a file without those that hold control characters.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let file = &file[..file.len().min(MAX_FILE)];
    file.split(|b| *b == b'\n')
        .filter(|line| !line.is_empty() && !line.iter().any(|b| b.is_ascii_control()))
}

/// The fields of a line, if there are exactly N.
fn exactly<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut fields = line.split(|b| *b == b':');
    let mut found: [&[u8]; N] = [b""; N];
    for field in &mut found {
        *field = fields.next()?;
    }
    fields.next().is_none().then_some(found)
}

fn name(bytes: &[u8]) -> Option<String> {
    is_name(bytes)
        .then(|| String::from_utf8(bytes.to_vec()).ok())
        .flatten()
}

/// A name that cannot be taken for a number, an NIS include, a comment or a list.
fn is_name(bytes: &[u8]) -> bool {
    let begins_well = |first: &u8| !first.is_ascii_digit() && !b"+-#".contains(first);
    bytes.len() <= 256
        && bytes.first().is_some_and(begins_well)
        && !bytes
            .iter()
            .any(|b| b.is_ascii_control() || b" ,:/".contains(b))
}

fn absolute(path: &[u8]) -> Option<PathBuf> {
    path.starts_with(b"/")
        .then(|| PathBuf::from(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests;
