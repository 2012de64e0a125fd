//! Memory of a process that stays after most of its work is done.

/// Gives back what is not in use: freed memory, and pages of the program's own file. What is
/// needed again of that comes from the page cache, a page at a time.
pub fn release() {
    // SAFETY: malloc_trim takes a number and keeps what is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
    for (start, end) in unchanged(&std::fs::read_to_string("/proc/self/smaps").unwrap_or_default())
    {
        // SAFETY: the range is a mapping of a file that this process cannot write and of which it
        // has no page of its own: the next access reads the same bytes from the file.
        unsafe {
            libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
        }
    }
}

/// The file mappings in an smaps text that are not writable and have no private copy of a page
/// (as relocated pages are): start and end.
fn unchanged(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(range) = header(line) {
            candidate = range;
        } else if line
            .strip_prefix("Anonymous:")
            .is_some_and(|size| size.trim() == "0 kB")
        {
            found.extend(candidate.take());
        }
    }
    found
}

/// A mapping's first line: `Some(None)` when it may not be touched. None: another line.
fn header(line: &str) -> Option<Option<(usize, usize)>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let range = (
        usize::from_str_radix(start, 16).ok()?,
        usize::from_str_radix(end, 16).ok()?,
    );
    let writable = fields.next()?.contains('w');
    let file = fields.nth(3).is_some_and(|path| path.starts_with('/'));
    Some((file && !writable).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_untouched_pages_of_files_go() {
        let smaps = "00400000-00401000 r--p 00000000 08:01 1 /bin/x\nSize: 4 kB\nAnonymous:             0 kB\n\
            00401000-00500000 r-xp 00001000 08:01 1 /bin/x\nAnonymous:             0 kB\n\
            00500000-00510000 r--p 00100000 08:01 1 /bin/x\nAnonymous:            12 kB\n\
            00510000-00520000 rw-p 00110000 08:01 1 /bin/x\nAnonymous:             0 kB\n\
            7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]\nAnonymous:             0 kB\n\
            7f0000002000-7f0000003000 r--p 00000000 00:00 0\nAnonymous:             0 kB\n";
        assert_eq!(
            unchanged(smaps),
            [(0x40_0000, 0x40_1000), (0x40_1000, 0x50_0000)]
        );
    }

    #[test]
    fn a_process_lives_on_after_it() {
        release();
        assert_eq!(format!("{}", 6 * 7), "42");
    }
}
