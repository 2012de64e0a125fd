//! schema/seccomp-default.json, put together as the TypeScript side does it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::oracle::{compare, oracle};
use super::random::Random;
use super::{ALLOW, Call, ENOSYS, EPERM, run, verdict};
use crate::seccomp::policy::resolve;
use crate::seccomp::table::TABLE;
use crate::seccomp::tree::program;
use crate::spec::seccomp::{Arch, Rule, Seccomp};
use crate::sys::libseccomp::Library;

#[derive(Deserialize)]
struct Document {
    profile: Seccomp,
    granted: BTreeMap<String, Vec<Rule>>,
    withheld: BTreeMap<String, Vec<Rule>>,
}

/// Known calls that no capability gives: obsolete, or too close to the kernel.
const REFUSED: &str = "_sysctl add_key afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime \
    get_kernel_syms getpmsg gtty idle io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load \
    keyctl lock mpx nfsservctl pciconfig_iobase pciconfig_read pciconfig_write prof profil putpmsg query_module \
    request_key security stty swapoff swapon sysfs tuxcall ulimit uselib userfaultfd usr26 usr32 ustat vm86 vm86old \
    vserver";

fn document() -> Document {
    serde_json::from_str(include_str!("../../../../schema/seccomp-default.json")).unwrap()
}

pub fn profile(capabilities: &[&str]) -> Seccomp {
    let Document {
        mut profile,
        granted,
        withheld,
    } = document();
    let has = |name: &String| capabilities.contains(&name.as_str());
    profile.syscalls.extend(
        granted
            .into_iter()
            .filter(|(name, _)| has(name))
            .flat_map(|(_, rules)| rules),
    );
    profile.syscalls.extend(
        withheld
            .into_iter()
            .filter(|(name, _)| !has(name))
            .flat_map(|(_, rules)| rules),
    );
    profile
}

fn number(name: &str) -> u32 {
    TABLE.iter().find(|(known, _)| *known == name).unwrap().1[0]
        .try_into()
        .unwrap()
}

#[test]
fn the_default_profile_decides_every_known_call_on_purpose() {
    let Document {
        profile,
        granted,
        withheld,
    } = document();
    let rules = profile
        .syscalls
        .iter()
        .chain(granted.values().flatten())
        .chain(withheld.values().flatten());
    let mut decided: BTreeSet<&str> = rules
        .flat_map(|rule| rule.names.iter().map(String::as_str))
        .collect();
    let refused: BTreeSet<&str> = REFUSED.split_ascii_whitespace().collect();
    assert!(decided.is_disjoint(&refused));
    decided.extend(refused);
    let known: BTreeSet<&str> = TABLE
        .iter()
        .map(|(name, _)| *name)
        .chain(["arm_sync_file_range"])
        .collect();
    assert_eq!(
        known.difference(&decided).collect::<Vec<_>>(),
        [&"arm_sync_file_range"]
    );
    assert_eq!(
        decided.difference(&known).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
}

#[test]
fn the_default_profile_is_libseccomps_in_a_fifth_of_the_instructions() {
    let library = Library::open();
    for capabilities in [&[][..], &["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"]] {
        let mut profile = profile(capabilities);
        // What this libseccomp does not know it cannot judge.
        for rule in &mut profile.syscalls {
            rule.names.retain(|name| {
                super::oracle::agrees(&library, name) && !super::oracle::multiplexed(name)
            });
        }
        profile.syscalls.retain(|rule| !rule.names.is_empty());
        let theirs = oracle(&library, (&profile, Arch::X86_64));
        let ours = program(&resolve(&profile, Arch::X86_64).unwrap());
        assert!(
            ours.len() * 5 <= theirs.len() * 2,
            "{} and {}",
            ours.len(),
            theirs.len()
        );
        let expected = |call: &Call, _: &[&Rule]| run(&theirs, call);
        compare(
            (&profile, Arch::X86_64),
            &mut Random(1),
            (&expected, "default"),
        );
    }
}

#[test]
fn the_default_profile_is_short() {
    let both = program(&resolve(&profile(&[]), Arch::X86_64).unwrap());
    let one = Seccomp {
        architectures: Vec::new(),
        ..profile(&[])
    };
    let native = program(&resolve(&one, Arch::X86_64).unwrap());
    assert!(native.len() <= 125, "{}", native.len());
    assert!(both.len() <= 250, "{}", both.len());
}

#[test]
fn capabilities_open_what_they_are_for() {
    const NEW_NAMESPACE: u64 = 0x1000_0000;
    let plain = program(&resolve(&profile(&[]), Arch::X86_64).unwrap());
    let admin = program(&resolve(&profile(&["CAP_SYS_ADMIN"]), Arch::X86_64).unwrap());
    for (name, first, expected) in [
        ("mount", 0, EPERM),
        ("unshare", NEW_NAMESPACE, EPERM),
        ("clone", NEW_NAMESPACE, EPERM),
        ("clone3", 0, ENOSYS),
        ("bpf", 0, EPERM),
    ] {
        assert_eq!(verdict(&plain, number(name), first), expected, "{name}");
        assert_eq!(
            verdict(&admin, number(name), first),
            ALLOW,
            "{name} with CAP_SYS_ADMIN"
        );
    }
    for (name, first, expected) in [
        ("clone", 0x0100_0011, ALLOW),
        ("personality", 0x40000, ALLOW),
        ("personality", 1, EPERM),
        ("socket", 2, ALLOW),
        ("socket", 40, EPERM),
        ("chroot", 0, EPERM),
        ("ptrace", 0, ALLOW),
    ] {
        assert_eq!(
            verdict(&plain, number(name), first),
            expected,
            "{name} {first:#x}"
        );
    }
}
