//! Extended attributes of what was just made.

use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;

use rustix::fs::{XattrFlags, fsetxattr, lsetxattr};

/// What gets an attribute.
pub enum Target<'a> {
    Open(&'a OwnedFd),
    /// A name in an open directory; a link there is not followed.
    At(&'a OwnedFd, &'a [u8]),
}

/// Sets an attribute, except those that mean something only on the machine they come from.
pub fn set(target: &Target, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
    if is_foreign(name) {
        return Ok(());
    }
    match target {
        Target::Open(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
        Target::At(dir, file) => {
            // There is no call with a directory's descriptor before Linux 6.13. The path leads
            // through the descriptor itself, and its last part is not followed.
            let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
            path.extend_from_slice(file);
            lsetxattr(
                std::ffi::OsString::from_vec(path),
                name,
                value,
                XattrFlags::empty(),
            )
        }
    }
}

/// Labels belong to the policy of the machine; overlayfs's marks would turn into holes and
/// redirections of a layer.
fn is_foreign(name: &[u8]) -> bool {
    name == b"security.selinux"
        || name.starts_with(b"trusted.overlay.")
        || name.starts_with(b"user.overlay.")
}
