//! Capabilities by name.

/// The bit mask of a list of names (`CAP_CHOWN`, any case). A name that this binary does not know
/// is passed over with a warning, as the specification wants it: the capability cannot be had.
pub fn mask(names: &[String]) -> u64 {
    names.iter().fold(0, |mask, name| match number(name) {
        Some(number) => mask | 1 << number,
        None => {
            crate::log::warn(&format!("there is no capability {name:?} here"));
            mask
        }
    })
}

/// The number of a capability.
pub fn number(name: &str) -> Option<u32> {
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES
        .iter()
        .position(|known| *known == plain)
        .and_then(|index| u32::try_from(index).ok())
}

/// All names without their prefix; the index is the number.
#[rustfmt::skip]
pub const NAMES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        assert_eq!(number("CAP_CHOWN"), Some(0));
        assert_eq!(number("cap_sys_admin"), Some(21));
        assert_eq!(number("CAP_CHECKPOINT_RESTORE"), Some(40));
        assert_eq!(number("CAP_NOPE"), None);
        assert_eq!(
            mask(&["CAP_CHOWN".into(), "CAP_KILL".into(), "CAP_NOPE".into()]),
            0b10_0001
        );
    }
}
