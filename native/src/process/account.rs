//! The user of a process, looked up in the container's own files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::error::{Context, Result};
use crate::root::{self, RootFd};
use crate::spec::process::Process;
use crate::user::{self, User};

/// The user that `wanted` (`uid[:gid]` or `name[:group]`) names, else `process.user`, in the root
/// of the calling process, which must be the container's.
pub fn find(process: &Process, wanted: Option<&str>) -> Result<User> {
    let root = RootFd::open_host(Path::new("/"))?;
    let passwd = read(&root, "etc/passwd")?;
    let Some(wanted) = wanted else {
        let given = &process.user;
        let known = user::lookup(&passwd, b"", &given.uid.to_string()).ok();
        return Ok(User {
            uid: given.uid,
            gid: given.gid,
            groups: given.additional_gids.clone(),
            name: known.as_ref().and_then(|user| user.name.clone()),
            home: known.as_ref().and_then(|user| user.home.clone()),
            shell: known.and_then(|user| user.shell),
        });
    };
    user::lookup(&passwd, &read(&root, "etc/group")?, wanted)
}

/// Adds HOME to `env` when it lacks it: the account's, else `/`.
pub fn add_home(env: &mut Vec<String>, user: &User) {
    if env.iter().any(|variable| variable.starts_with("HOME=")) {
        return;
    }
    let home = user.home.as_deref().and_then(Path::to_str).unwrap_or("/");
    env.push(format!("HOME={home}"));
}

/// A file of the root, up to the parser's limit. Missing or no plain file: empty.
fn read(root: &RootFd, path: &str) -> Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = root.open(Path::new(path), flags, Mode::empty()) else {
        return Ok(Vec::new());
    };
    if root::kind(&fd).at("look at file", path)? != FileType::RegularFile {
        return Ok(Vec::new());
    }
    let mut text = Vec::new();
    File::from(fd)
        .take(user::MAX_FILE as u64)
        .read_to_end(&mut text)
        .at("read file", path)?;
    Ok(text)
}
