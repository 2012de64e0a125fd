//! Real system calls under a filter, in a thread that has it for itself.

use std::net::UdpSocket;

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

use super::{default, read};
use crate::seccomp::compile;

/// Runs `calls` in a thread under the filter.
fn under(profile: &crate::spec::seccomp::Seccomp, calls: fn()) {
    let filter = compile(profile).unwrap();
    let thread = std::thread::spawn(move || {
        rustix::thread::set_no_new_privs(true).unwrap();
        assert!(filter.install().unwrap().is_none());
        calls();
    });
    thread.join().unwrap();
}

#[test]
fn the_kernel_gives_the_errno_that_the_profile_names() {
    let profile = read(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["umask"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99, "args": [{"index": 1, "value": 7, "op": "SCMP_CMP_EQ"}]}
        ]}"#,
    );
    under(&profile, || {
        let made = rustix::fs::mkdir("/nowhere/at/all", rustix::fs::Mode::empty());
        assert_eq!(made, Err(Errno::NOSPC));
        let priority =
            |id| rustix::process::getpriority_process(rustix::process::Pid::from_raw(id));
        assert_eq!(priority(7), Err(Errno::ADDRNOTAVAIL));
        assert!(priority(0).is_ok());
    });
}

#[test]
fn the_default_profile_lets_programs_run_and_keeps_them_in() {
    under(&default::profile(&[]), || {
        assert!(
            std::process::Command::new("true")
                .status()
                .unwrap()
                .success()
        );
        assert!(std::thread::spawn(|| 1).join().is_ok());
        UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(
            rustix::mount::unmount("/nowhere", rustix::mount::UnmountFlags::DETACH),
            Err(Errno::PERM)
        );
        let vsock = rustix::net::socket(
            rustix::net::AddressFamily::VSOCK,
            rustix::net::SocketType::STREAM,
            None,
        );
        assert_eq!(vsock.map(drop), Err(Errno::PERM));
        #[expect(deprecated, reason = "one that is safe to refuse")]
        let unshared = rustix::thread::unshare(UnshareFlags::NEWUTS);
        assert_eq!(unshared, Err(Errno::PERM));
        assert_eq!(rustix::process::chroot("/nowhere"), Err(Errno::PERM));
    });
}
