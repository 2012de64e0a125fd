//! What the kernel must have, and what its refusals mean.

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::spec::Config;
use crate::spec::linux::NamespaceKind;

/// openat2, mount_setattr, clone3 into a cgroup, overlay in user namespaces.
const FLOOR: (u32, u32) = (5, 12);

/// An error that names the floor, when this kernel is below it.
pub fn check() -> Result<()> {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    match version(&release) {
        Some(version) if version < FLOOR => Err(Error::new(
            "check kernel",
            release.as_ref(),
            format!("Linux {}.{} or newer is needed", FLOOR.0, FLOOR.1),
        )),
        _ => Ok(()),
    }
}

/// Why clone3 failed.
pub fn explain_clone(errno: Errno, config: &Config) -> Error {
    let error = Error::os("make namespaces", "clone3", errno);
    let user = config.linux.is_new(NamespaceKind::User);
    match errno {
        Errno::PERM | Errno::ACCESS if user => error.hint(
            "user namespaces are forbidden here: see /proc/sys/kernel/apparmor_restrict_unprivileged_userns and \
             /proc/sys/kernel/unprivileged_userns_clone",
        ),
        Errno::NOSPC | Errno::USERS if user => error.hint("raise /proc/sys/user/max_user_namespaces"),
        Errno::PERM => error.hint("only root may do this without a user namespace: add one to linux.namespaces"),
        Errno::NOSPC => error.hint("a limit in /proc/sys/user/ is reached"),
        Errno::NOSYS => error.hint("a seccomp filter around pavlosc forbids clone3"),
        _ => error,
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn releases_have_two_numbers_in_front() {
        assert_eq!(super::version("5.11.0-49-generic"), Some((5, 11)));
        assert_eq!(super::version("6.18.44"), Some((6, 18)));
        assert_eq!(super::version("7.0-rc1"), Some((7, 0)));
        assert!(super::version("5.9").unwrap() < super::FLOOR);
    }
}
