//! The user of a process, looked up in the container's own files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use crate::error::Result;
use crate::root::{self, RootFd};
use crate::spec::process::Process;
use crate::user::{self, User};

/// The user that `wanted` (`uid[:gid]` or `name[:group]`) names, else `process.user`.
pub fn find(root: &RootFd, process: &Process, wanted: Option<&str>) -> Result<User> {
    let Some(wanted) = wanted else {
        let given = &process.user;
        // Only the home is asked of the file then.
        let known = if has_home(&process.env) {
            None
        } else {
            user::lookup(&read(root, "etc/passwd"), b"", &given.uid.to_string()).ok()
        };
        return Ok(User {
            uid: given.uid,
            gid: given.gid,
            groups: given.additional_gids.clone(),
            name: known.as_ref().and_then(|user| user.name.clone()),
            home: known.as_ref().and_then(|user| user.home.clone()),
            shell: known.and_then(|user| user.shell),
        });
    };
    user::lookup(&read(root, "etc/passwd"), &read(root, "etc/group"), wanted)
}

/// The environment with each name once, the last one's value, and with HOME: where it lacks it, or
/// it is empty, the account's, else `/`.
pub fn environment(given: &[String], user: &User) -> Vec<String> {
    let mut env: Vec<String> = Vec::with_capacity(given.len() + 1);
    for variable in given {
        let name = variable.split_inclusive('=').next().unwrap_or(variable);
        env.retain(|known| !name.ends_with('=') || !known.starts_with(name));
        env.push(variable.clone());
    }
    env.retain(|variable| variable != "HOME=");
    add_home(&mut env, user);
    env
}

fn add_home(env: &mut Vec<String>, user: &User) {
    if has_home(env) {
        return;
    }
    let home = user.home.as_deref().and_then(Path::to_str).unwrap_or("/");
    env.push(format!("HOME={home}"));
}

fn has_home(env: &[String]) -> bool {
    env.iter()
        .rfind(|variable| variable.starts_with("HOME="))
        .is_some_and(|variable| variable != "HOME=")
}

/// A regular file of the root, up to the parser's limit; anything else counts as empty.
pub fn read(root: &RootFd, path: &str) -> Vec<u8> {
    let mut text = Vec::new();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = root.open(Path::new(path), flags, Mode::empty()) else {
        return text;
    };
    if root::kind(&fd).is_ok_and(|kind| kind == FileType::RegularFile) {
        // What cannot be read is not there either.
        let _ = File::from(fd)
            .take(user::MAX_FILE as u64)
            .read_to_end(&mut text);
    }
    text
}
