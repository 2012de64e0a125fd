//! Overlay: the lower directories one by one where the kernel takes them so (Linux 6.8), which
//! has no limit on their number; else as one string.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::mount::{fsconfig_create, fsconfig_set_string};

use super::mounts::{configure, explain, finish, open_context};
use super::options::Options;
use crate::error::{Error, Result};

/// The overlay of these options as a detached mount. Paths escape `:`, `,` and `\` by `\`.
pub fn make(subject: &str, options: &Options) -> Result<OwnedFd> {
    let mut rest = options.clone();
    let Some(lower) = rest.take_value("lowerdir") else {
        return Err(Error::new("mount", subject, "an overlay needs lowerdir="));
    };
    let lowers = split(&lower);
    let context = open_context("overlay", subject)?;
    let one_by_one = lowers
        .iter()
        .try_for_each(|path| fsconfig_set_string(&context, "lowerdir+", path.as_str()));
    let context = match one_by_one {
        Ok(()) => context,
        // Below 6.8 the name is unknown: start again with the whole string.
        Err(Errno::INVAL) => {
            let context = open_context("overlay", subject)?;
            fsconfig_set_string(&context, "lowerdir", lower.as_str())
                .map_err(|errno| explain(&context, subject, errno))?;
            context
        }
        Err(errno) => return Err(hint(explain(&context, subject, errno))),
    };
    configure(&context, &rest.data)
        .and_then(|()| fsconfig_create(&context))
        .map_err(|errno| hint(explain(&context, subject, errno)))?;
    finish(context, options, subject)
}

fn hint(error: Error) -> Error {
    match error.errno {
        Some(libc::ENOENT) => error.hint("lowerdir, upperdir and workdir must exist"),
        Some(libc::EPERM | libc::EINVAL) => error.hint("upperdir and workdir must be on one filesystem that can be an upper layer; without root add `userxattr`"),
        _ => error,
    }
}

/// Splits at `:` that no backslash precedes, and takes the escapes away.
fn split(list: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut characters = list.chars();
    while let Some(c) = characters.next() {
        let Some(last) = paths.last_mut() else { break };
        match c {
            '\\' => last.extend(characters.next()),
            ':' => paths.push(String::new()),
            c => last.push(c),
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    #[test]
    fn lower_directories_may_have_colons_and_commas() {
        assert_eq!(super::split("/a:/b"), ["/a", "/b"]);
        assert_eq!(
            super::split(r"/a\:b:/c\,d:/e\\f"),
            ["/a:b", "/c,d", r"/e\f"]
        );
    }
}
