//! `io.pavlos.account`: the user of the container in the root's passwd and group.

use std::io::Write;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::log;
use crate::process::account::read;
use crate::root::{self, RootFd};
use crate::spec;

#[derive(Debug, Deserialize)]
struct Account {
    name: String,
    uid: u32,
    gid: u32,
    group: String,
    home: String,
    shell: String,
}

/// Adds what is free there; a taken name or id stays as it is. A read-only root is fine.
pub fn add(root: &RootFd, text: &str) -> Result<()> {
    let account: Account = spec::parse_json(text.as_bytes(), "read annotation io.pavlos.account")?;
    let Account {
        name,
        uid,
        gid,
        group,
        home,
        shell,
    } = &account;
    for field in [name, group, home, shell] {
        if field.contains([':', '\n', '\0']) {
            return Err(Error::new(
                "read annotation io.pavlos.account",
                field.as_str(),
                "contains a colon or a line break",
            ));
        }
    }
    append(
        root,
        "/etc/group",
        group,
        *gid,
        &format!("{group}:x:{gid}:\n"),
    )?;
    append(
        root,
        "/etc/passwd",
        name,
        *uid,
        &format!("{name}:x:{uid}:{gid}::{home}:{shell}\n"),
    )?;
    make_home(root, &account)
}

fn append(root: &RootFd, path: &str, name: &str, id: u32, line: &str) -> Result<()> {
    let text = read(root, path);
    let id = id.to_string();
    let taken = text.split(|&byte| byte == b'\n').any(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        fields.next() == Some(name.as_bytes()) || fields.nth(1) == Some(id.as_bytes())
    });
    if taken {
        return Ok(());
    }
    let opened = open(root, path);
    let mut file = match opened {
        Err(Errno::ROFS | Errno::ACCESS | Errno::PERM) => {
            log::warn(&format!("{path} cannot be written: {name} is not added"));
            return Ok(());
        }
        other => std::fs::File::from(other.at("open in root", path)?),
    };
    let broken = !text.is_empty() && !text.ends_with(b"\n");
    let line = if broken {
        format!("\n{line}")
    } else {
        line.to_owned()
    };
    file.write_all(line.as_bytes()).at("write in root", path)
}

/// For appending: a regular file only, its own links followed inside the root.
fn open(root: &RootFd, path: &str) -> rustix::io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = match root.open(Path::new(path), flags, Mode::empty()) {
        Err(Errno::NOENT) => root.open(
            Path::new(path),
            flags | OFlags::CREATE,
            Mode::from_raw_mode(0o644),
        )?,
        other => other?,
    };
    match root::kind(&fd)? {
        FileType::RegularFile => Ok(fd),
        _ => Err(Errno::ACCESS),
    }
}

/// The home directory when there is none; its own only, not what exists.
fn make_home(root: &RootFd, account: &Account) -> Result<()> {
    let home = Path::new(&account.home);
    let (Some(parent), Some(name)) = (home.parent(), home.file_name()) else {
        return Ok(());
    };
    if !home.is_absolute() || root.open(home, OFlags::PATH, Mode::empty()).is_ok() {
        return Ok(());
    }
    let made = root.make_dir(parent, 0o755).and_then(|parent| {
        rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))
            .at("make home", account.home.as_str())?;
        let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
        rustix::fs::chownat(
            &parent,
            name,
            Some(uid),
            Some(gid),
            AtFlags::SYMLINK_NOFOLLOW,
        )
        .at("give home to its owner", account.home.as_str())
    });
    if let Err(error) = made {
        log::warn(&error.to_string());
    }
    Ok(())
}
