//! Signals by name and number, as `kill`, config.json and supervise.json give them.

/// The number of a signal: `15`, `TERM`, `SIGTERM` (any case), `RTMIN+3`, `RTMAX-1`.
pub fn parse(text: &str) -> Option<i32> {
    if let Some(number) = decimal(text) {
        return (1..=MAX).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return real_time(RTMIN, offset, "+");
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return real_time(MAX, offset, "-");
    }
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// The kernel's last signal; glibc's SIGRTMIN: it keeps 32 and 33 to itself.
const MAX: i32 = 64;
const RTMIN: i32 = 34;

fn real_time(base: i32, offset: &str, sign: &str) -> Option<i32> {
    let number = match offset.strip_prefix(sign) {
        Some(digits) if sign == "+" => base + decimal(digits)?,
        Some(digits) => base - decimal(digits)?,
        None if offset.is_empty() => base,
        None => return None,
    };
    (RTMIN..=MAX).contains(&number).then_some(number)
}

/// Up to three digits and nothing else.
fn decimal(text: &str) -> Option<i32> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[rustfmt::skip]
const NAMES: [(&str, i32); 34] = [
    ("HUP", libc::SIGHUP), ("INT", libc::SIGINT), ("QUIT", libc::SIGQUIT), ("ILL", libc::SIGILL),
    ("TRAP", libc::SIGTRAP), ("ABRT", libc::SIGABRT), ("IOT", libc::SIGIOT), ("BUS", libc::SIGBUS),
    ("FPE", libc::SIGFPE), ("KILL", libc::SIGKILL), ("USR1", libc::SIGUSR1), ("SEGV", libc::SIGSEGV),
    ("USR2", libc::SIGUSR2), ("PIPE", libc::SIGPIPE), ("ALRM", libc::SIGALRM), ("TERM", libc::SIGTERM),
    ("STKFLT", libc::SIGSTKFLT), ("CHLD", libc::SIGCHLD), ("CLD", libc::SIGCHLD), ("CONT", libc::SIGCONT),
    ("STOP", libc::SIGSTOP), ("TSTP", libc::SIGTSTP), ("TTIN", libc::SIGTTIN), ("TTOU", libc::SIGTTOU),
    ("URG", libc::SIGURG), ("XCPU", libc::SIGXCPU), ("XFSZ", libc::SIGXFSZ), ("VTALRM", libc::SIGVTALRM),
    ("PROF", libc::SIGPROF), ("WINCH", libc::SIGWINCH), ("IO", libc::SIGIO), ("POLL", libc::SIGPOLL),
    ("PWR", libc::SIGPWR), ("SYS", libc::SIGSYS),
];

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn signals_have_names_numbers_and_prefixes() {
        for text in ["15", "TERM", "SIGTERM", "sigterm", "Term"] {
            assert_eq!(parse(text), Some(15), "{text}");
        }
        assert_eq!(parse("SIGRTMIN+3"), Some(37));
        assert_eq!(parse("RTMAX-1"), Some(63));
        assert_eq!(parse("SIGRTMIN"), Some(34));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for text in [
            "", "0", "-9", "+9", "65", "999", "SIG", "NOPE", "RTMIN-1", "RTMIN+99", "RTMAX+1",
            "9 ", "1e1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
