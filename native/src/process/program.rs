//! Finding the program and becoming it.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::Access;
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::sys::process;

/// Where programs are looked for when the environment has no PATH.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The exit codes of a program that is not there, and of one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Becomes the program `args[0]`, looked up in the PATH of `env`. Comes back only with an error.
pub fn execute(args: &[String], env: &[String]) -> Error {
    let (args, env) = match (strings(args, "process.args"), strings(env, "process.env")) {
        (Ok(args), Ok(env)) => (args, env),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    let Some(program) = args.first() else {
        return Error::new("execute", "process.args", "there is no command").exit(NOT_FOUND);
    };
    let mut denied = None;
    for candidate in candidates(program.to_bytes(), &env) {
        match process::exec(&candidate, &args, &env) {
            Errno::NOENT | Errno::NOTDIR if !exists(&candidate) => {}
            Errno::ACCESS if denied.is_none() => denied = Some(candidate),
            Errno::ACCESS => {}
            errno => return failed(&candidate, errno),
        }
    }
    match denied {
        Some(candidate) => failed(&candidate, Errno::ACCESS),
        None => not_found(program),
    }
}

/// The error of a program that is not there, before anything depends on it. What else may be wrong
/// with it shows when it is executed, as its user.
pub fn find(args: &[String], env: &[String]) -> Result<()> {
    let (args, env) = (strings(args, "process.args")?, strings(env, "process.env")?);
    match args.first() {
        Some(program)
            if !candidates(program.to_bytes(), &env)
                .iter()
                .any(|path| exists(path)) =>
        {
            Err(not_found(program))
        }
        _ => Ok(()),
    }
}

/// A name with a slash is a path; another is looked for in each directory of PATH.
fn candidates(program: &[u8], env: &[CString]) -> Vec<OsString> {
    if program.contains(&b'/') {
        return vec![OsStr::from_bytes(program).to_owned()];
    }
    if program.is_empty() {
        return Vec::new();
    }
    let path = env
        .iter()
        .find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="));
    path.unwrap_or(DEFAULT_PATH.as_bytes())
        .split(|byte| *byte == b':')
        .map(|directory| {
            // An empty entry is the working directory.
            let directory: &[u8] = if directory.is_empty() {
                b"."
            } else {
                directory
            };
            OsStr::from_bytes(&[directory, b"/", program].concat()).to_owned()
        })
        .collect()
}

fn exists(path: &OsStr) -> bool {
    rustix::fs::access(path, Access::EXISTS).is_ok()
}

fn failed(path: &OsStr, errno: Errno) -> Error {
    let error = Error::os("execute", path.to_string_lossy(), errno);
    match errno {
        Errno::NOENT => Error {
            reason: "its interpreter or loader is missing".to_owned(),
            ..error
        }
        .hint("look at its first line (#!), or its loader with `file`")
        .exit(NOT_FOUND),
        Errno::NOEXEC => error
            .hint("it is built for another machine, or is a script without a #! line")
            .exit(NOT_EXECUTABLE),
        Errno::ACCESS => error
            .hint("it needs execute permission for this user, on a file system without noexec")
            .exit(NOT_EXECUTABLE),
        _ => error.exit(NOT_EXECUTABLE),
    }
}

fn not_found(program: &CString) -> Error {
    let name = program.to_string_lossy();
    if name.contains('/') {
        let reason = "no such file or directory: the command is not found";
        return Error::new("execute", name, reason).exit(NOT_FOUND);
    }
    // In these words podman and docker look for it.
    let reason = "executable file not found in $PATH";
    Error::new("execute", name, reason)
        .exit(NOT_FOUND)
        .hint("it is in no directory of PATH inside")
}

fn strings(texts: &[String], field: &str) -> Result<Vec<CString>> {
    texts
        .iter()
        .map(|text| {
            CString::new(text.as_str()).map_err(|_| {
                Error::new("execute", field, format!("{text:?} holds a NUL character"))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(program: &[u8], env: &[&str]) -> Vec<OsString> {
        let env: Vec<CString> = env
            .iter()
            .map(|text| CString::new(*text).unwrap())
            .collect();
        candidates(program, &env)
    }

    #[test]
    fn a_name_is_looked_for_in_path_and_a_path_is_not() {
        assert_eq!(
            of(b"sh", &["A=b", "PATH=/x:/y::"]),
            ["/x/sh", "/y/sh", "./sh", "./sh"]
        );
        assert_eq!(of(b"./sh", &["PATH=/x"]), ["./sh"]);
        assert_eq!(of(b"sh", &[]).last().unwrap(), "/bin/sh");
        assert!(of(b"", &["PATH=/x"]).is_empty());
    }

    #[test]
    fn errors_have_the_shells_exit_codes() {
        let run = |program: &str| execute(&[program.to_owned()], &["PATH=/nowhere".to_owned()]);
        assert_eq!(run("nothing").exit, Some(127));
        assert_eq!(run("/nothing/here").exit, Some(127));
        assert_eq!(run("/etc/hostname").exit, Some(126));
        assert_eq!(run("a\0b").exit, None);
    }
}
